//! The fake as a service, for trying the runner by hand.

use crate::fake::Google;

/// `cargo test -p switchyard-plugin-gcp --test batch serve -- --ignored --nocapture` prints the variables that lead a host to it, and serves
/// until its standard input ends. Containers see their files below the root, so it has to run as root.
#[test]
#[ignore = "a service, not a test"]
fn serve() {
    let google = Google::start();
    for name in ["ENDPOINT", "STORAGE_ENDPOINT", "LOGGING_ENDPOINT", "IAM_ENDPOINT", "RESOURCE_MANAGER_ENDPOINT"] {
        println!("export SWITCHYARD_GCP_BATCH_{name}={}", google.address());
    }
    println!("# the bucket {}: {}", switchyard_cloud_api::fake::google::BUCKET, google.mount().display());
    std::io::stdin().lines().for_each(drop);
    for request in &google.state().requests {
        println!("{request}");
    }
}
