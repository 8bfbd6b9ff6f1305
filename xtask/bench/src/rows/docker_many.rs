use crate::{
    error::Error,
    flow::containers,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

use super::docker::IMAGE;

const COUNT: usize = 200;
const WIDTH: usize = 16;

pub const ROW: Row = Row {
    id: "docker-many",
    what: "200 containers, 16 at a time",
    against: "xargs -P 16 docker run --rm",
    budget: Budget::RateAtLeast(0.9),
    prepare: |stage| {
        let version = Program::new("docker").args(["version", "--format", "client {{.Client.Version}}, engine {{.Server.Version}}"]);
        let version = version.text().map_err(|error| Error::Missing(format!("no Docker engine answers: {error}")))?;
        let flow = stage.write_flow("containers", &containers("containers", COUNT, WIDTH, IMAGE, "true"))?;
        stage.expect_successes(&flow, &stage.plugins(), COUNT)?;
        // Containers take the slots of processes, of which there are fewer on small machines.
        let ours = stage.run(&flow, &stage.plugins()).args(["--slots", &WIDTH.to_string()]);
        let peer = Program::shell(&format!("seq {COUNT} | xargs -n 1 -P {WIDTH} docker run --rm {IMAGE} true"));
        Ok(Contest {
            ours: Contestant::new("switchyard run --slots 16", stage.version(), move || ours.time()),
            peer: Contestant::new("xargs -P 16 docker run --rm", version.trim(), move || peer.time()),
        })
    },
};
