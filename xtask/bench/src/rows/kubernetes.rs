use std::env;

use crate::{
    error::Error,
    flow::pod,
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const IMAGE: &str = "busybox";

pub const ROW: Row = Row {
    id: "kubernetes",
    what: "one pod task",
    against: "kubectl run --attach",
    budget: Budget::TimeAtMost(1.0),
    prepare: |stage| {
        if env::var_os("KUBECONFIG").is_none() {
            return Err(Error::Missing("KUBECONFIG names no cluster".to_owned()));
        }
        let version = Program::new("kubectl").args(["version", "--short"]);
        let version = version.text().or_else(|_| Program::new("kubectl").args(["version"]).text());
        let version = version.map_err(|error| Error::Missing(format!("no cluster answers: {error}")))?;
        let flow = stage.write_flow("pod", &pod("pod", IMAGE, "true"))?;
        let attached = [
            "run",
            "switchyard-bench",
            "--image",
            IMAGE,
            "--image-pull-policy",
            "IfNotPresent",
            "--restart",
            "Never",
            "--rm",
            "--attach",
            "--quiet",
        ];
        let peer = Program::new("kubectl").args(attached).args(["--command", "--", "/bin/sh", "-c", "true"]);
        let version = version.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Contest {
            ours: stage.contestant(&flow, 1)?,
            peer: Contestant::new("kubectl run --rm --attach", version.trim(), move || peer.time()),
        })
    },
};
