use crate::{
    flow::{Form, each},
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

pub const COUNT: usize = 10_000;

pub const ROW: Row = Row {
    id: "parallel",
    what: "10,000 process tasks, n at a time",
    against: "xargs -P n",
    budget: Budget::RateAtLeast(0.9),
    prepare: |stage| {
        let width = stage.width();
        let flow = stage.write_flow("parallel", &each("parallel", COUNT, width, Form::Exec, "true"))?;
        let peer = Program::shell(&format!("seq {COUNT} | xargs -n 1 -P {width} true"));
        let version = Program::new("xargs").arg("--version").version();
        Ok(Contest {
            ours: stage.contestant(&flow, COUNT)?,
            peer: Contestant::new(format!("xargs -P {width}"), version, move || peer.time()),
        })
    },
};
