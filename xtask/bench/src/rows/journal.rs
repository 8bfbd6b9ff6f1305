use crate::{
    flow::{Form, each},
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 3_000;

pub const ROW: Row = Row {
    id: "journal",
    what: "process tasks with the journal on",
    against: "the same with the journal off",
    budget: Budget::RateAtLeast(0.9),
    prepare: |stage| {
        let flow = stage.write_flow("journal", &each("journal", COUNT, stage.width(), Form::Exec, "true"))?;
        let off = stage.run_without_journal(&flow, &stage.plugins());
        Ok(Contest {
            ours: stage.contestant(&flow, COUNT)?,
            peer: Contestant::new("switchyard run, journal off", stage.version(), move || off.time()),
        })
    },
};
