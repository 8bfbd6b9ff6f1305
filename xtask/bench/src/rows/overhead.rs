use super::parallel::COUNT;
use crate::{
    flow::{Form, each},
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

pub const ROW: Row = Row {
    id: "overhead",
    what: "our own overhead per task",
    against: "a bare spawn loop at the same parallelism",
    budget: Budget::TimeAtMost(1.1),
    prepare: |stage| {
        let width = stage.width();
        let flow = stage.write_flow("overhead", &each("overhead", COUNT, width, Form::Exec, "true"))?;
        let peer = Program::peer("spawn").args([COUNT.to_string(), width.to_string(), "true".to_owned()]);
        Ok(Contest {
            ours: stage.contestant(&flow, COUNT)?,
            peer: Contestant::new(format!("std::process::Command on {width} threads"), "of this build", move || peer.time()),
        })
    },
};
