use crate::{
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 1000;

pub const ROW: Row = Row {
    id: "restart",
    what: "adopting 1,000 running processes after a restart, none lost, none twice",
    against: "reading as many files of /proc",
    budget: Budget::MillisecondsMore(100.0),
    prepare: |stage| {
        let part = Program::part("restart").arg(stage.host()).arg(stage.plugins()).arg(stage.folder("restart")?).arg(COUNT.to_string());
        let peer = Program::peer("proc").arg(COUNT.to_string());
        Ok(Contest {
            ours: Contestant::new("switchyard serve", stage.version(), move || part.figure()),
            peer: Contestant::new("/proc", stage.kernel(), move || peer.figure()),
        })
    },
};
