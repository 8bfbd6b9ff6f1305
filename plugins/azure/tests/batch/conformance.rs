//! The kit that is asked of every runner.

use std::sync::Arc;

use switchyard_plugin_api::{
    TypedRunner,
    testkit::{self, Options},
};
use switchyard_plugin_azure::batch::AzureBatch;

use crate::{fake::Azure, setup::properties};

#[test]
fn conformance() {
    let azure = Azure::start();
    let skip = [("files.working_dir", "only the node knows the absolute path; asked in `files`")];
    let options = Options {
        properties: properties(&azure),
        image: Some("ubuntu".into()),
        flood: 1 << 20,
        skip: skip.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into_iter().collect(),
        ..Options::default()
    };
    let runner = TypedRunner::new(AzureBatch);
    let component = runner.component();
    // Told as they come, since some take their time.
    let told = |row: &testkit::Row| eprintln!("{} {:?} after {} ms", row.behaviour, row.verdict, row.millis);
    testkit::run_dyn(Arc::new(runner), &component, options, told).assert();
    let state = azure.state();
    assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
    assert!(state.blobs.is_empty(), "blobs are left: {:?}", state.blobs.keys());
}
