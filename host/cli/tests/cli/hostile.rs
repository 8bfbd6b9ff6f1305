//! Texts and programs that behave badly.

use std::fs;

use crate::stage::Stage;

#[test]
fn texts_that_are_no_flows_are_refused_at_their_place() {
    let stage = Stage::bare();
    let bomb = (1..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        let items = vec![format!("*a{}", n - 1); 9].join(",");
        format!("{text}a{n}: &a{n} [{items}]\n")
    });
    let large = format!("id: f\nnamespace: tests\ndescription: \"{}\"\nfoo: 1\n", "x".repeat(5_000_000));
    for (name, text, says) in [
        ("garbage", b"\x00\x01 garbage {{{ [".to_vec(), "garbage.yaml:1:"),
        ("binary", b"id: \xff\xfe".to_vec(), "error[yaml::not_utf8]"),
        ("empty", Vec::new(), "error["),
        ("deep", format!("id: a\nnamespace: b\ntasks: {}", "[".repeat(100_000)).into_bytes(), "error[yaml::too_deep]"),
        ("bomb", bomb.into_bytes(), "error[yaml::too_many_nodes]"),
        ("large", large.into_bytes(), "large.yaml:4:1: error[flow::unknown_property]: foo"),
        ("huge", vec![b'x'; 9 << 20], "error[yaml::too_large]"),
    ] {
        let file = format!("{name}.yaml");
        stage.write(&file, text);
        let ran = stage.switchyard(&["run", &file]).expect(2);
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
        assert!(ran.stderr.len() < 8_000, "{name}: {} bytes were said", ran.stderr.len());
    }
}

#[test]
fn a_line_of_100_mb_is_passed_on_whole_in_little_memory() {
    let stage = Stage::new();
    // The parent of the task is the host; its peak is taken once the line has gone through it.
    stage.shell(&["head -c 100000000 /dev/zero | tr '\\0' x", "echo", "grep VmHWM \"/proc/$PPID/status\""]);
    let ran = stage.switchyard(&["run", "flow.yaml"]).expect(0);
    let longest = ran.stdout.split(|byte| *byte == b'\n').map(|line| line.iter().filter(|byte| **byte == b'x').count()).max();
    assert_eq!(longest, Some(100_000_000));
    let peak: u64 = ran.log().last().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 90_000, "the host took {peak} kB for a line of 97,656 kB");
}

#[test]
fn invalid_utf_8_is_kept() {
    let stage = Stage::new();
    stage.shell(&["printf 'caf\\351 \\377 na\\303\\257ve\\n'"]);
    let ran = stage.switchyard(&["run", "flow.yaml"]).expect(0);
    let wanted = b"| caf\xe9 \xff na\xc3\xafve\n";
    assert!(ran.stdout.windows(wanted.len()).any(|bytes| bytes == wanted), "{}", ran.text());
}

#[test]
fn a_task_without_standard_output_runs_on() {
    let stage = Stage::new();
    stage.shell(&["exec >&- 2>&-", "touch \"$PWD/ran-on\"", "test -e ran-on || exit 9", "exit 7"]);
    let document = stage.switchyard(&["run", "flow.yaml", "--output", "json"]).expect(1).json();
    assert_eq!(document["taskRunList"][0]["outputs"]["exitCode"], 7);
}

#[test]
fn a_process_that_is_left_behind_is_named_and_left_alone() {
    let stage = Stage::new();
    let fifo = stage.path("fifo");
    // It holds the task's output open until this test says so.
    stage.shell(&[&format!("mkfifo {0}; (read line < {0}; echo end > {0}.end) & echo done", fifo.display())]);
    let ran = stage.switchyard(&["run", "flow.yaml"]).expect(0);
    let log = ran.log();
    assert_eq!(log[0], "done");
    assert!(log[1].contains("a process it left behind still holds its output open"), "{log:?}");
    let end = stage.path("fifo.end");
    rustix::fs::mknodat(rustix::fs::CWD, &end, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0).unwrap();
    fs::write(&fifo, "go\n").unwrap();
    assert_eq!(fs::read_to_string(&end).unwrap(), "end\n", "it is still there, and ends when told");
}

#[test]
fn a_low_limit_of_open_files_does_not_bound_the_tasks() {
    let stage = Stage::new();
    stage.shell(&["ulimit -Sn"]);
    let command = stage.command(["run", "flow.yaml", "--slots", "500"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -Sn 64 && exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(command.get_current_dir().unwrap());
    let ran = stage.finish(&mut limited).expect(0);
    let limit: u64 = ran.log().last().unwrap().parse().unwrap();
    assert!(limit > 64, "tasks run under a limit of {limit} open files");
}
