//! The kit that is asked of every runner, against the engine.

use switchyard_plugin_api::testkit::{self, Options};
use switchyard_plugin_docker::runner::Docker;

/// What the runner still owes. While the host has no room for output, the stream of the engine is not read, and a killed container's end
/// is told late or never.
const OWED: &str = "known fault: the end of a killed container waits for the host to take its output";

testkit::conformance!(docker_conformance: Docker, Options {
    skip: [("pressure.cancel".to_owned(), OWED.to_owned())].into(),
    image: Some("busybox:switchyard-test".into()),
    flood: 16 << 20,
    ..Options::default()
});
