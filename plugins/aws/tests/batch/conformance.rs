//! The kit that is asked of every runner.

use std::sync::Arc;

use switchyard_plugin_api::{
    TypedRunner,
    testkit::{self, Options},
};
use switchyard_plugin_aws::AwsBatch;

use switchyard_cloud_api::fake::aws::Aws;

/// A command begins in the image's own folder, so the kit's scripts are led to theirs.
const SHELL: &str = r#"if test -d "$WORKING_DIR"; then cd "$WORKING_DIR"; fi; exec /bin/sh -c "$0" "$@""#;

#[test]
fn conformance() {
    let aws = Aws::start();
    let skip = [
        ("logs.long_line", "CloudWatch cuts events at 256 KB"),
        ("files.input", "S3 keeps no modes, and the kit executes a file; b9_… brings the others"),
        ("input.much", "a job definition has 24 KiB"),
    ];
    let options = Options {
        properties: aws.properties(),
        image: Some("ubuntu".into()),
        shell: ["/bin/sh", "-c", SHELL].map(str::to_owned).to_vec(),
        flood: 1 << 20,
        skip: skip.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into_iter().collect(),
        ..Options::default()
    };
    let runner = TypedRunner::new(AwsBatch);
    let component = runner.component();
    // Told as they come, since some take their time.
    let told = |row: &testkit::Row| eprintln!("{} {:?} after {} ms", row.behaviour, row.verdict, row.millis);
    testkit::run_dyn(Arc::new(runner), &component, options, told).assert();
    let state = aws.state();
    assert!(state.objects.is_empty(), "files are left: {:?}", state.objects.keys());
    assert!(state.definitions.values().all(|definition| definition["status"] == "INACTIVE"), "definitions are left");
}
