use crate::{
    error::Result,
    flow::each_return,
    row::{Budget, Contest, Contestant, Row},
    stage::Stage,
};

const COUNT: usize = 1_000;
const TIMES: usize = 10;

pub const ROW: Row = Row {
    id: "growth",
    what: "a loop of 10,000 runs",
    against: "10 x a loop of 1,000 runs",
    budget: Budget::TimeAtMost(1.1),
    prepare: |stage| {
        let (long, short) = (beyond_one(stage, COUNT * TIMES)?, beyond_one(stage, COUNT)?);
        let ten_times = move || (0..TIMES).try_fold(0.0, |total, _| Ok(total + short()?));
        Ok(Contest {
            ours: Contestant::new("switchyard run", stage.version(), long),
            peer: Contestant::new("switchyard run, ten times", stage.version(), ten_times),
        })
    },
};

/// Seconds of a loop of `count` runs without those of a loop of one: starting the host ten times would hide any growth.
fn beyond_one(stage: &Stage, count: usize) -> Result<impl Fn() -> Result<f64> + 'static> {
    let contestant = |count: usize| {
        let name = format!("loop_{count}");
        stage.contestant(&stage.write_flow(&name, &each_return(&name, count))?, count)
    };
    let (one, all) = (contestant(1)?, contestant(count)?);
    Ok(move || Ok((all.run)()? - (one.run)()?))
}
