use crate::{
    error::Error,
    flow::container,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

pub const IMAGE: &str = "busybox:switchyard-test";

pub const ROW: Row = Row {
    id: "docker",
    what: "one Docker task",
    against: "docker run --rm by the CLI",
    budget: Budget::TimeAtMost(0.9),
    prepare: |stage| {
        let version = Program::new("docker").args(["version", "--format", "client {{.Client.Version}}, engine {{.Server.Version}}"]);
        let version = version.text().map_err(|error| Error::Missing(format!("no Docker engine answers: {error}")))?;
        let flow = stage.write_flow("container", &container("container", IMAGE, "true"))?;
        let peer = Program::new("docker").args(["run", "--rm", IMAGE, "/bin/sh", "-c", "true"]);
        Ok(Contest { ours: stage.contestant(&flow, 1)?, peer: Contestant::new("docker run --rm", version.trim(), move || peer.time()) })
    },
};
