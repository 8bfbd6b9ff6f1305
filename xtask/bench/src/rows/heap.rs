use crate::{
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 1_000;
const MEGABYTES: usize = 1024;

pub const ROW: Row = Row {
    id: "heap",
    what: "the Process runner in a host with 1 GiB of heap",
    against: "the same with a small heap",
    budget: Budget::TimeAtMost(1.1),
    prepare: |stage| {
        let with = |heap: usize| Program::part("spawn").args([COUNT.to_string(), heap.to_string(), "true".to_owned()]);
        let (large, small) = (with(MEGABYTES), with(1));
        Ok(Contest {
            ours: Contestant::new("1 GiB heap", stage.version(), move || large.figure()),
            peer: Contestant::new("1 MiB heap", stage.version(), move || small.figure()),
        })
    },
};
