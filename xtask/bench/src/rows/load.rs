use crate::{
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const COUNT: usize = 100;

pub const ROW: Row = Row {
    id: "load",
    what: "load 100 plugins, verdicts cached",
    against: "bare dlopen of the same files",
    budget: Budget::TimeAtMost(2.0),
    prepare: |stage| {
        let plugins = stage.copied_plugins("hundred", COUNT)?;
        let cache = stage.folder("verdicts")?;
        let ours = Program::part("load").arg(&plugins).arg(cache);
        let peer = Program::peer("dlopen").arg(&plugins);
        Ok(Contest {
            ours: Contestant::new("switchyard-registry", stage.version(), move || ours.time()),
            peer: Contestant::new("dlopen", "of this machine", move || peer.time()),
        })
    },
};
