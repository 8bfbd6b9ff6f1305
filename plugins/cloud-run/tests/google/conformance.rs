//! The kit that is asked of every runner.

use std::sync::Arc;

use switchyard_plugin_api::{
    TypedRunner,
    testkit::{self, Options},
};
use switchyard_plugin_cloud_run::runner::CloudRun;

use crate::fake::{self, Google};

#[test]
fn conformance() {
    let google = Google::start();
    let skip = [
        ("health.answers", "asked below, since it is not told the configuration"),
        ("logs.long_line", "Cloud Logging cuts entries at 256 KB"),
    ];
    let options = Options {
        properties: fake::properties(&google),
        config: google.config(),
        image: Some("ubuntu".into()),
        flood: 1 << 20,
        skip: skip.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into_iter().collect(),
        ..Options::default()
    };
    let runner = TypedRunner::new(CloudRun);
    let component = runner.component();
    // Told as they come, since some take their time.
    let told = |row: &testkit::Row| eprintln!("{} {:?} after {} ms", row.behaviour, row.verdict, row.millis);
    testkit::run_dyn(Arc::new(runner), &component, options, told).assert();
    let state = google.state();
    assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
    assert!(std::fs::read_dir(google.mount()).unwrap().next().is_none(), "files are left in the bucket");
}
