//! Every chore of this repository, one file per verb.
fn main() {}
