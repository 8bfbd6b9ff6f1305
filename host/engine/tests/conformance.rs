//! The Process runner passes the kit that is asked of every runner.

use switchyard_engine::process::ProcessRunner;
use switchyard_plugin_api::testkit;

testkit::conformance!(ProcessRunner);
