use crate::{
    flow::{Form, sequence},
    program::Program,
    row::{Budget, Contest, Contestant, Row},
};

const LINE: usize = 100;
const COUNT: usize = (1 << 30) / LINE;

pub const ROW: Row = Row {
    id: "lines",
    what: "1 GiB of 100-byte log lines, stored with times",
    against: "tokio lines() reading it",
    budget: Budget::RateAtLeast(2.0),
    prepare: |stage| {
        let text = "0123456789".repeat(10).split_off(1);
        let print = format!("yes {text} | head -n {COUNT}");
        let flow = stage.write_flow("lines", &sequence("lines", 1, Form::Shell, &print))?;
        let peer = Program::peer("lines").args([&COUNT.to_string(), "sh", "-c", &print]);
        stage.expect_successes(&flow, &stage.plugins(), 1)?;
        // Stored, not shown: the terminal is not what is measured.
        let ours = stage.run(&flow, &stage.plugins()).arg("--no-logs");
        Ok(Contest {
            ours: Contestant::new("switchyard run --no-logs", stage.version(), move || ours.time()),
            peer: Contestant::new("tokio BufReader::lines", "of this build", move || peer.time()),
        })
    },
};
