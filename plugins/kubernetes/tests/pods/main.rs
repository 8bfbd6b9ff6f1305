//! Conformance of the runner, by the rows of its specification. Tests named `cluster_…` need a real cluster: `cargo xtask test --kube KUBECONFIG`. All
//! others talk to an API server that lives in the test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cluster;
mod fake;
mod rows;
mod setup;
