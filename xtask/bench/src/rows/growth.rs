use crate::{
    flow::each_return,
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 1_000;
const TIMES: usize = 10;

pub const ROW: Row = Row {
    id: "growth",
    what: "a loop of 10,000 runs",
    against: "10 x a loop of 1,000 runs",
    budget: Budget::TimeAtMost(1.1),
    prepare: |stage| {
        let long = stage.write_flow("growth_long", &each_return("growth_long", COUNT * TIMES))?;
        let short = stage.write_flow("growth_short", &each_return("growth_short", COUNT))?;
        let ours = stage.contestant(&long, COUNT * TIMES)?;
        let once = stage.contestant(&short, COUNT)?;
        let ten_times = move || (0..TIMES).try_fold(0.0, |total, _| Ok(total + (once.run)()?));
        Ok(Contest { ours, peer: Contestant::new("switchyard run, ten times", stage.version(), ten_times) })
    },
};
