use crate::{
    error::{Error, Result},
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

/// What hosts reach that share a journal; the server is on the same machine.
pub const POSTGRES: Row = Row {
    id: "postgres",
    what: "the same with the journal in PostgreSQL",
    against: "the embedded journal",
    budget: Budget::PerSecondAtLeast(1000.0),
    prepare: |stage| {
        let url = std::env::var("SWITCHYARD_POSTGRES").map_err(|_| Error::Missing("no PostgreSQL was started".to_owned()))?;
        Ok(Contest {
            ours: Contestant::new("switchyard-engine, PostgreSQL", stage.version(), seconds_of_one(stage, &format!("{url}/postgres"))?),
            peer: Contestant::new("switchyard-engine, SQLite", stage.version(), seconds_of_one(stage, "on")?),
        })
    },
};

fn seconds_of_one(stage: &Stage, journal: &str) -> Result<impl Fn() -> Result<f64> + 'static> {
    let data = stage.folder(&format!("executions-{}", journal.split(':').next().unwrap_or_default()))?;
    let part = Program::part("executions").args([&COUNT.to_string(), &WIDTH.to_string(), journal]).arg(data);
    Ok(move || Ok(part.figure()? / COUNT as f64))
}
