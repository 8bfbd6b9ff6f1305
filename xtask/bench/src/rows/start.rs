use crate::{
    error::Result,
    flow::{Form, sequence},
    program::Program,
    row::{Budget, Contest, Contestant, Row},
    stage::Stage,
};

const PLUGINS: usize = 10;
const RUNS: u32 = 20;

pub const TIME: Row = Row {
    id: "start",
    what: "run a one-echo flow, 10 plugins in the directory",
    against: "sh -c 'echo hello'",
    budget: Budget::MillisecondsMore(15.0),
    prepare: |stage| contest(stage, |program| program.mean_time(RUNS)),
};

pub const MEMORY: Row = Row {
    id: "memory",
    what: "memory of that run",
    against: "sh -c 'echo hello'",
    budget: Budget::Megabytes(40.0),
    prepare: |stage| contest(stage, |program| program.under("memory").figure()),
};

fn contest(stage: &Stage, run: fn(&Program) -> Result<f64>) -> Result<Contest> {
    let flow = stage.write_flow("echo", &sequence("echo", 1, Form::Shell, "echo hello"))?;
    let plugins = stage.copied_plugins("ten", PLUGINS)?;
    stage.expect_successes(&flow, &plugins, 1)?;
    let (ours, peer) = (stage.run(&flow, &plugins), Program::shell("echo hello"));
    Ok(Contest {
        ours: Contestant::new("switchyard run", stage.version(), move || run(&ours)),
        peer: Contestant::new("sh", "of this machine", move || run(&peer)),
    })
}
