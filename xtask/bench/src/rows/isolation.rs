use crate::{
    error::Result,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
    stage::Stage,
};

const COUNT: usize = 1000;

pub const ROW: Row = Row {
    id: "isolation",
    what: "1,000 calls into a plugin in a process of its own",
    against: "the same calls in the host's process",
    budget: Budget::MillisecondsMore(150.0),
    prepare: |stage| {
        Ok(Contest {
            ours: Contestant::new("subprocess", stage.version(), seconds(stage, "subprocess")?),
            peer: Contestant::new("in-process", stage.version(), seconds(stage, "in-process")?),
        })
    },
};

fn seconds(stage: &Stage, placement: &str) -> Result<impl Fn() -> Result<f64> + 'static> {
    let cache = stage.folder("isolation")?;
    let part = Program::part("call").arg(stage.plugins()).arg(cache).arg(placement).arg(COUNT.to_string());
    Ok(move || part.figure())
}
