use crate::{
    error::Result,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
    stage::Stage,
};

const COUNT: usize = 10_000;
const WIDTH: usize = 500;

pub const ROW: Row = Row {
    id: "executions",
    what: "two-task executions (OutputValues, Log), 500 at a time",
    against: "the same with the journal off",
    budget: Budget::PerSecondAtLeast(3000.0),
    prepare: |stage| {
        Ok(Contest {
            ours: Contestant::new("switchyard-engine", stage.version(), seconds_of_one(stage, "on")?),
            peer: Contestant::new("switchyard-engine, journal off", stage.version(), seconds_of_one(stage, "off")?),
        })
    },
};

fn seconds_of_one(stage: &Stage, journal: &'static str) -> Result<impl Fn() -> Result<f64> + 'static> {
    let data = stage.folder(&format!("executions-{journal}"))?;
    let part = Program::part("executions").args([&COUNT.to_string(), &WIDTH.to_string(), journal]).arg(data);
    Ok(move || Ok(part.figure()? / COUNT as f64))
}
