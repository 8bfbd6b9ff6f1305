use crate::{
    error::Error,
    flow::container,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

use super::docker::IMAGE;

const LINE: usize = 100;
const COUNT: usize = (256 << 20) / LINE;

pub const ROW: Row = Row {
    id: "docker-lines",
    what: "256 MiB of 100-byte log lines out of a container, stored with times",
    against: "docker run --rm > /dev/null",
    budget: Budget::RateAtLeast(0.9),
    prepare: |stage| {
        let version = Program::new("docker").args(["version", "--format", "client {{.Client.Version}}, engine {{.Server.Version}}"]);
        let version = version.text().map_err(|error| Error::Missing(format!("no Docker engine answers: {error}")))?;
        let text = "0123456789".repeat(10).split_off(1);
        let print = format!("yes {text} | head -n {COUNT}");
        let flow = stage.write_flow("container-lines", &container("container-lines", IMAGE, &print))?;
        stage.expect_successes(&flow, &stage.plugins(), 1)?;
        let ours = stage.run(&flow, &stage.plugins()).arg("--no-logs");
        let peer = Program::shell(&format!("docker run --rm {IMAGE} /bin/sh -c '{print}' > /dev/null"));
        Ok(Contest {
            ours: Contestant::new("switchyard run --no-logs", stage.version(), move || ours.time()),
            peer: Contestant::new("docker run --rm", version.trim(), move || peer.time()),
        })
    },
};
