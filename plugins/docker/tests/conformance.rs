//! The kit that is asked of every runner, against the engine.

use switchyard_plugin_api::testkit::{self, Options};
use switchyard_plugin_docker::runner::Docker;

testkit::conformance!(docker_conformance: Docker, Options {
    image: Some("busybox:switchyard-test".into()),
    flood: 16 << 20,
    ..Options::default()
});
