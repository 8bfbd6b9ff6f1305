//! Running to the end.

use std::{os::unix::fs::PermissionsExt, path::Path};

use switchyard_plugin_api::{Capabilities, ErrorKind, Outcome, Phase, TaskRunner, TypedRunner};

use super::host::{Host, Run, messages, phases};
use crate::process::ProcessRunner;

#[tokio::test]
async fn exit_codes_and_output() {
    for (script, expected, stdout, stderr) in [
        ("echo hi", Outcome::exited(0), "hi\n", ""),
        ("echo oops >&2", Outcome::exited(0), "", "oops\n"),
        ("printf 'a\\nb'; exit 3", Outcome::exited(3), "a\nb", ""),
        ("kill -9 $$", Outcome::signalled(9), "", ""),
        ("kill -TERM $$", Outcome::signalled(15), "", ""),
        ("exec >&- 2>&-; exit 4", Outcome::exited(4), "", ""),
        // Standard input is empty, not a terminal and not a pipe that never ends.
        ("cat; echo end", Outcome::exited(0), "end\n", ""),
        ("printf '\\377\\000\\376'", Outcome::exited(0), "\u{fffd}\0\u{fffd}", ""),
    ] {
        let (outcome, host) = Run::shell(script).end().await;
        let seen = host.seen();
        assert_eq!(outcome, Ok(expected), "{script}");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), stdout, "{script}");
        assert_eq!(String::from_utf8_lossy(&seen.stderr), stderr, "{script}");
        assert_eq!(phases(&seen), [Phase::Starting, Phase::Running], "{script}");
        assert_eq!(messages(&seen), [""; 0], "{script}");
    }
}

#[tokio::test]
async fn conformance_4_one_shell_for_everything() {
    let (outcome, host) = Run::start(&["/bin/sh", "-c", "set -e\nexport A=1\ncd /\necho $A; pwd"], &[]).end().await;
    assert_eq!(outcome, Ok(Outcome::exited(0)));
    assert_eq!(host.seen().stdout, b"1\n/\n");
}

#[tokio::test]
async fn environment_and_directory() {
    let run = Run::start(&["/bin/sh", "-c", "pwd -P; echo \"$MINE $WORKING_DIR\"; echo \"${PATH:+path}\""], &[("MINE", "a b")]);
    let directory = run.directory.path().canonicalize().unwrap().display().to_string();
    let working_dir = run.directory.path().display().to_string();
    let (_, host) = run.end().await;
    assert_eq!(String::from_utf8_lossy(&host.seen().stdout), format!("{directory}\na b {working_dir}\npath\n"));
}

#[tokio::test]
async fn exec_form_finds_the_program_in_the_hosts_path() {
    // The command's own PATH is what its children see; the program itself comes from the host's.
    for env in [&[][..], &[("PATH", "/nowhere")][..]] {
        let (outcome, host) = Run::start(&["printenv", "WORKING_DIR"], env).end().await;
        assert_eq!(outcome, Ok(Outcome::exited(0)), "{env:?}");
        assert!(!host.seen().stdout.is_empty());
    }
    let (_, host) = Run::start(&["sh", "-c", "echo $0 $PATH"], &[("PATH", "/nowhere")]).end().await;
    assert_eq!(host.seen().stdout, b"sh /nowhere\n");
}

#[tokio::test]
async fn a_command_that_cannot_start_says_why() {
    let too_long = "x".repeat(200_000);
    let script = |name: &str, mode, text: &'static str| (name.to_owned(), mode, text);
    for (argv, file, code, kind, part) in [
        (vec![], None, "process::empty_command", ErrorKind::User, "empty list"),
        (
            vec!["no-such-program-1"],
            None,
            "process::program_not_found",
            ErrorKind::Task,
            "`no-such-program-1` cannot start: no such program in the host's PATH (/",
        ),
        (vec!["./missing"], None, "process::program_not_found", ErrorKind::Task, "`./missing` cannot start: there is no such file"),
        (vec!["./a"], Some(script("a", 0o644, "#!/bin/sh\n")), "process::not_executable", ErrorKind::Task, "may not execute"),
        (vec!["./b"], Some(script("b", 0o755, "#!/no/such/interpreter\n")), "process::no_interpreter", ErrorKind::Task, "interpreter"),
        (vec!["./c"], Some(script("c", 0o755, "plain")), "process::not_executable", ErrorKind::Task, "not a program for this machine"),
        (vec!["/bin/sh", "-c", &too_long], None, "process::command_too_long", ErrorKind::Task, "200000 bytes"),
    ] {
        let host = Host::new(None);
        let directory = tempfile::tempdir().unwrap();
        if let Some((name, mode, text)) = file {
            std::fs::write(directory.path().join(&name), text).unwrap();
            std::fs::set_permissions(directory.path().join(&name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let error = Run::start_in(host, directory, &argv, &[]).end().await.0.unwrap_err();
        assert_eq!((error.code.as_str(), error.kind), (code, kind), "{argv:.1?}: {error}");
        assert!(error.message.contains(part), "{error}");
        assert!(error.help.is_some(), "{error}");
    }
}

#[tokio::test]
async fn what_no_system_can_pass_on_is_refused() {
    for (argument, variable, code) in [
        ("a\0b", ("A", "b"), "process::nul_byte"),
        ("a", ("A", "b\0"), "process::invalid_variable"),
        ("a", ("A=B", "c"), "process::invalid_variable"),
        ("a", ("", "c"), "process::invalid_variable"),
    ] {
        let error = Run::start(&["/bin/echo", argument], &[variable]).end().await.0.unwrap_err();
        assert_eq!((error.code.as_str(), error.kind), (code, ErrorKind::User), "{variable:?}");
    }
}

#[tokio::test]
async fn a_missing_working_directory_is_not_a_missing_program() {
    let run = Run::start_without_directory(&["/bin/sh", "-c", "true"]);
    let error = run.end().await.0.unwrap_err();
    assert_eq!(error.code, "process::no_working_dir");
    assert!(error.retryable());
}

#[tokio::test]
async fn much_output_arrives_whole_and_in_large_pieces() {
    let (outcome, host) = Run::shell("head -c 20000000 /dev/zero | tr '\\0' x").end().await;
    let seen = host.seen();
    assert_eq!(outcome, Ok(Outcome::exited(0)));
    assert_eq!(seen.stdout.len(), 20_000_000);
    assert!(seen.stdout.iter().all(|&byte| byte == b'x'));
    assert!(seen.chunks.iter().max() <= Some(&(128 * 1024)));
}

/// A burst of small writes is read in another way than what comes before and after it.
#[tokio::test]
async fn many_small_writes_and_the_calm_after_them_arrive_whole() {
    let count = "i=0; while [ $i -lt 60000 ]; do echo $i; i=$((i+1)); done";
    let run = Run::shell(&format!("echo first; {count}; echo between; until test -e go; do sleep 0.01; done; {count}; echo last"));
    run.host.until_stdout("between").await;
    std::fs::write(run.directory.path().join("go"), "").unwrap();
    let (outcome, host) = run.end().await;
    assert_eq!(outcome, Ok(Outcome::exited(0)));
    let numbers = || (0..60_000).map(|number| number.to_string());
    let expected: Vec<_> = ["first".to_owned()]
        .into_iter()
        .chain(numbers())
        .chain(["between".to_owned()])
        .chain(numbers())
        .chain(["last".to_owned()])
        .collect();
    let seen = host.seen();
    assert!(String::from_utf8_lossy(&seen.stdout).lines().eq(expected), "{} bytes in {} pieces", seen.stdout.len(), seen.chunks.len());
}

#[tokio::test]
async fn a_full_host_holds_the_process_back_and_loses_nothing() {
    let host = Host::new(Some(100_000));
    let run = Run::start_on(host.clone(), &["/bin/sh", "-c", "head -c 5000000 /dev/zero; echo done >&2"], &[]);
    host.until(|seen| seen.refused > 0).await;
    // The pipe and one chunk are all that fits: the process cannot have written its last line.
    assert!(host.seen().stderr.is_empty());
    host.open();
    let (outcome, host) = run.end().await;
    assert_eq!(outcome, Ok(Outcome::exited(0)));
    let seen = host.seen();
    assert_eq!((seen.stdout.len(), seen.stderr.as_slice()), (5_000_000, &b"done\n"[..]));
}

#[tokio::test]
async fn a_task_that_closes_its_output_and_runs_on_is_waited_for() {
    let run = Run::shell("echo first; exec >&- 2>&-; until test -e go; do :; done; exit 5");
    run.host.until_stdout("first").await;
    std::fs::write(run.directory.path().join("go"), "").unwrap();
    assert_eq!(run.end().await.0, Ok(Outcome::exited(5)));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_the_task() {
    let started = std::time::Instant::now();
    let (outcome, host) = Run::shell("sleep 300 & echo $!; exit 6").end().await;
    assert_eq!(outcome, Ok(Outcome::exited(6)));
    assert!(started.elapsed().as_secs() < 20);
    let pid = String::from_utf8(host.seen().stdout.clone()).unwrap().trim().to_owned();
    assert!(Path::new("/proc").join(&pid).exists(), "it was left running");
    assert!(messages(&host.seen())[0].starts_with("Warn The command has ended, but a process it left behind"), "{:?}", host.seen());
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing_behind() {
    let run = Run::shell("echo $$; sleep 300");
    run.host.until_stdout("\n").await;
    let pid: i32 = String::from_utf8(run.host.seen().stdout.clone()).unwrap().trim().parse().unwrap();
    run.abandon();
    super::kill::until_gone(pid).await;
}

#[test]
fn description() {
    let component = TypedRunner::new(ProcessRunner::default()).component();
    assert_eq!(component.schema["additionalProperties"], false, "it has no properties");
    assert_eq!(component.type_name, ProcessRunner::TYPE);
    assert!(component.capabilities != Capabilities::default());
}
