//! The same no-op tasks on other orchestrators, as seconds per task: each gets as many as it can do in a few seconds.

use crate::{
    error::Result,
    flow::{Form, each},
    row::{Budget, Contest, Contestant, Row},
    stage::Stage,
    venv::Venv,
};

const WHAT: &str = "process tasks, n at a time";
const COUNT: usize = 2_000;

pub const HYPERQUEUE: Row = Row {
    id: "hyperqueue",
    what: WHAT,
    against: "HyperQueue",
    budget: Budget::RateAtLeast(4.0),
    prepare: |stage| contest(stage, "hyperqueue", &["hyperqueue"], 2_000),
};

pub const PREFECT: Row = Row {
    // Its releases do not say which FastAPI they can work with.
    id: "prefect",
    what: WHAT,
    against: "Prefect",
    budget: Budget::RateAtLeast(100.0),
    prepare: |stage| contest(stage, "prefect", &["prefect==3.4.20", "fastapi<0.116"], 100),
};

pub const SNAKEMAKE: Row = Row {
    id: "snakemake",
    what: WHAT,
    against: "Snakemake",
    budget: Budget::RateAtLeast(100.0),
    prepare: |stage| contest(stage, "snakemake", &["snakemake"], 200),
};

fn contest(stage: &Stage, name: &str, requirements: &[&str], count: usize) -> Result<Contest> {
    let flow = stage.write_flow(name, &each(name, COUNT, stage.width(), Form::Exec, "true"))?;
    let ours = stage.contestant(&flow, COUNT)?;
    let venv = Venv::with(stage, requirements)?;
    let peer = venv.script(&format!("{name}_tasks.py")).arg(count.to_string());
    Ok(Contest {
        ours: Contestant::new(ours.name, ours.version, move || Ok((ours.run)()? / COUNT as f64)),
        peer: Contestant::new(name, venv.version(name), move || peer.figure()),
    })
}
