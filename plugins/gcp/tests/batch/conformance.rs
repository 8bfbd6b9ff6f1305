//! The kit that is asked of every runner.

use std::sync::Arc;

use serde_json::json;
use switchyard_plugin_api::{
    TypedRunner,
    testkit::{self, Options},
};
use switchyard_plugin_gcp::batch::GoogleBatch;

use crate::{fake::Google, setup::properties};

#[test]
fn conformance() {
    let google = Google::start();
    let mounts = tempfile::tempdir().unwrap();
    let mut properties = properties(&mounts.path().canonicalize().unwrap());
    // The kit writes relative paths.
    properties["startInWorkingDirectory"] = json!(true);
    let skip = [
        ("health.answers", "asked in `trouble`, since it is not told the configuration"),
        ("logs.long_line", "Cloud Logging cuts entries at 256 KB"),
        ("files.working_dir", "the folder is a link in the fake; asked in `files`"),
    ];
    let options = Options {
        properties,
        config: google.config(),
        image: Some("ubuntu".into()),
        flood: 1 << 20,
        skip: skip.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into_iter().collect(),
        ..Options::default()
    };
    let runner = TypedRunner::new(GoogleBatch);
    let component = runner.component();
    // Told as they come, since some take their time.
    let told = |row: &testkit::Row| eprintln!("{} {:?} after {} ms", row.behaviour, row.verdict, row.millis);
    testkit::run_dyn(Arc::new(runner), &component, options, told).assert();
    let state = google.state();
    assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
    assert!(std::fs::read_dir(google.mount()).unwrap().next().is_none(), "files are left in the bucket");
}
