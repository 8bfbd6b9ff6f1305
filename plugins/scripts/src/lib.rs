//! Script tasks: for each language a `Script`, whose text becomes a file or an argument, and `Commands`, which are given to an
//! interpreter. Both are pure plans; the host runs them on the runner that the user chose.

mod dependencies;
mod describe;
mod extra;
mod language;
mod languages;
mod legacy;
mod path;
mod python;
mod task;
#[cfg(test)]
mod tests;

pub use language::{Language, Spoken};
pub use languages::*;
pub use task::{Commands, Script};
