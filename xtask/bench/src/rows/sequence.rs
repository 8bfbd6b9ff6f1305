use crate::{
    flow::{Form, sequence},
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 1_000;

pub const ROW: Row = Row {
    id: "sequence",
    what: "1,000 process tasks in sequence, journal on",
    against: "a shell loop of sh -c true",
    budget: Budget::TimeAtMost(1.2),
    prepare: |stage| {
        let flow = stage.write_flow("sequence", &sequence("sequence", COUNT, Form::Shell, "true"))?;
        let peer = Program::shell(&format!("i=0; while [ $i -lt {COUNT} ]; do sh -c true || exit 1; i=$((i+1)); done"));
        Ok(Contest { ours: stage.contestant(&flow, COUNT)?, peer: Contestant::new("sh", "of this machine", move || peer.time()) })
    },
};
