use crate::{
    program::Program,
    row::{Budget, Contest, Contestant, Row},
    venv::Venv,
};

const OURS: usize = 200_000;
const PEERS: usize = 5_000;

pub const ROW: Row = Row {
    id: "schema",
    what: "schema check of a task runner's properties",
    against: "Python jsonschema",
    budget: Budget::RateAtLeast(50.0),
    prepare: |stage| {
        let folder = stage.folder("schema")?;
        let work = folder.join("work.json");
        let ours = Program::part("schema").arg(stage.plugins()).arg(&folder).arg(OURS.to_string()).arg(&work);
        ours.figure()?;
        let venv = Venv::with(stage, &["jsonschema"])?;
        let peer = venv.script("schema_checks.py").arg(&work).arg(PEERS.to_string());
        Ok(Contest {
            ours: Contestant::new("switchyard-registry", stage.version(), move || ours.figure()),
            peer: Contestant::new("jsonschema", venv.version("jsonschema"), move || peer.figure()),
        })
    },
};
