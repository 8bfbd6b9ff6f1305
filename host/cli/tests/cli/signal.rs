//! Ctrl-C and SIGTERM: 130, and nothing of the task is left.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

use crate::stage::Stage;

/// A child, a child of a child, and one in a session of its own; each says who it is.
const FAMILY: &str = "\
sh -c 'echo process $$; sh -c \"echo process \\$\\$; exec sleep 300\" & wait' & \
setsid sh -c 'echo process $$; exec sleep 300' & \
echo process $$; wait";

/// Processes that are watched before anybody may end them, so that no number can mean another one.
struct Watched {
    host: Child,
    host_id: Pid,
    processes: Vec<(i32, OwnedFd)>,
    output: BufReader<std::process::ChildStdout>,
}

fn start(stage: &Stage, commands: &[&str], count: usize) -> Watched {
    stage.shell(commands);
    let mut command = stage.command(["run", "flow.yaml"]);
    let mut host = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let host_id = Pid::from_child(&host);
    let mut output = BufReader::new(host.stdout.take().unwrap());
    let mut processes = Vec::new();
    while processes.len() < count {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the run ended after {} processes", processes.len());
        let Some((_, number)) = line.split_once("process ") else { continue };
        let number: i32 = number.trim().parse().unwrap();
        processes.push((number, pidfd_open(Pid::from_raw(number).unwrap(), PidfdFlags::empty()).unwrap()));
    }
    Watched { host, host_id, processes, output }
}

impl Watched {
    /// Exit code and standard error, after all output is read.
    fn end(mut self) -> (Option<i32>, String, Vec<i32>) {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        let mut said = String::new();
        self.host.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let code = self.host.wait().unwrap().code();
        // A killed process may need a moment to be gone after the host has ended.
        let moment = Timespec { tv_sec: 2, tv_nsec: 0 };
        let gone = |fd: &OwnedFd| poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&moment)).unwrap() == 1;
        let left: Vec<i32> = self.processes.iter().filter(|(_, fd)| !gone(fd)).map(|(number, _)| *number).collect();
        for (_, fd) in &self.processes {
            // Nothing stays on the tester's machine, also when the test fails.
            let _ = rustix::process::pidfd_send_signal(fd, Signal::KILL);
        }
        (code, said, left)
    }
}

#[test]
fn signals_end_the_whole_family_first() {
    for signal in [Signal::INT, Signal::TERM] {
        let stage = Stage::new();
        let run = start(&stage, &[FAMILY], 4);
        kill_process(run.host_id, signal).unwrap();
        let (code, said, left) = run.end();
        assert_eq!(code, Some(130), "{signal:?}: {said}");
        assert_eq!(left, Vec::<i32>::new(), "{signal:?}: processes are left");
        assert!(said.contains("stopping the tasks") && said.contains("KILLED"), "{said}");
    }
}

#[test]
fn a_task_may_say_its_last_words() {
    let stage = Stage::new();
    let trap = format!("trap 'echo goodbye > {}; exit 1' TERM; echo process $$; sleep 300 & wait", stage.path("words").display());
    let run = start(&stage, &[&trap], 1);
    kill_process(run.host_id, Signal::INT).unwrap();
    let (code, said, left) = run.end();
    assert_eq!((code, left), (Some(130), Vec::new()), "{said}");
    assert_eq!(std::fs::read_to_string(stage.path("words")).unwrap(), "goodbye\n");
}
