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
        // `yes | head` would be slower than both readers.
        let print = Program::peer("print").arg(COUNT.to_string());
        let flow = stage.write_flow("lines", &sequence("lines", 1, Form::Shell, &print.to_string()))?;
        let peer = Program::peer("lines").args([&COUNT.to_string(), "sh", "-c", &print.to_string()]);
        stage.expect_successes(&flow, &stage.plugins(), 1)?;
        // Stored, not shown: the terminal is not what is measured.
        let ours = stage.run(&flow, &stage.plugins()).arg("--no-logs");
        Ok(Contest {
            ours: Contestant::new("switchyard run --no-logs", stage.version(), move || ours.time()),
            peer: Contestant::new("tokio BufReader::lines", "of this build", move || peer.time()),
        })
    },
};
