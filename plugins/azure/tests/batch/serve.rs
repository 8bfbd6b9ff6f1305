//! The fake as a service, for trying the runner by hand.

use crate::{fake::Azure, setup::properties};

/// `cargo test -p switchyard-plugin-azure --test batch serve -- --ignored --nocapture` prints the properties that reach it, and serves until
/// its standard input ends. Its nodes also fetch from other storages, such as azurite's.
#[test]
#[ignore = "a service, not a test"]
fn serve() {
    let azure = Azure::start();
    println!("PROPERTIES {}", properties(&azure));
    std::io::stdin().lines().for_each(drop);
    for request in &azure.state().requests {
        println!("{request}");
    }
}
