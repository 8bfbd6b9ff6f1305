//! What a person sees on a terminal.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use support::Home;

/// Runs a command on a terminal of its own; answers all that was written to it, and the exit code.
fn on_terminal(mut command: Command) -> (String, i32) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    command.env("TERM", "xterm").env_remove("NO_COLOR").stdout(terminal.try_clone().unwrap()).stderr(terminal).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Its copies of the terminal would keep the other end open.
    drop(command);
    let mut seen = Vec::new();
    let mut master = File::from(master);
    let mut piece = [0; 4096];
    // Reading fails once the last process that had the terminal is gone.
    while let Ok(count @ 1..) = master.read(&mut piece) {
        seen.extend_from_slice(&piece[..count]);
    }
    (String::from_utf8_lossy(&seen).into_owned(), child.wait().unwrap().code().unwrap_or(-1))
}

#[test]
fn a_run_shows_each_task_with_its_state_and_its_log() {
    let home = Home::new(&["scripts"]);
    home.file("flow.yaml", support::shell("[\"echo hello\"]"));
    let (seen, code) = on_terminal(home.command(&["run", "flow.yaml"]));
    assert_eq!(code, 0, "{seen}");
    for expected in ["x\x1b[0m │ hello", "\x1b[32mSUCCESS\x1b[0m x ", "\x1b[1ma.b.t\x1b[0m \x1b[32mSUCCESS\x1b[0m ", "\x1b[1A\x1b[J"] {
        assert!(seen.contains(expected), "{expected:?} is not in {seen:?}");
    }
}

#[test]
fn an_error_is_drawn_at_its_place() {
    let home = Home::new(&[]);
    home.file("flow.yaml", "id: a\nnamespace: b\ntasks:\n  - {id: x, type: io.kestra.plugin.core.log.Log, mesage: hi, message: ho}\n");
    let (seen, code) = on_terminal(home.command(&["validate", "flow.yaml", "--color", "never"]));
    assert_eq!(code, 2, "{seen}");
    insta::assert_snapshot!(seen.replace('\r', ""), @"
    flow::unknown_property

      × tasks[0].mesage: unknown property `mesage` of the task `x` (Log)
       ╭─[flow.yaml:4:50]
     4 │   - {id: x, type: io.kestra.plugin.core.log.Log, mesage: hi, message: ho}
       ·                                                  ───┬──
       ·                                                     ╰── here
       ╰────
      help: did you mean `message`?
    1 error, 0 warnings in 1 file
    ");
}
