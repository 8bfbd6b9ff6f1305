//! From create to delete: logs, results, kills.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{CancelReason, FailureReason, LogStream, Phase};

use crate::setup::Setup;

const GRACE: Duration = Duration::from_secs(5);

/// Puts bytes behind what a stuck task has written.
fn write(setup: &Setup, stderr: bool, bytes: &[u8]) {
    let job = setup.job();
    setup.azure.state().output.entry(job).or_default()[usize::from(stderr)].extend(bytes);
}

#[tokio::test]
async fn z9_output_is_read_as_it_grows_whatever_the_pieces() {
    let setup = Setup::new("unused");
    setup.azure.state().stuck = Some("running");
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let umbrella = "☂".as_bytes();
    write(&setup, false, &umbrella[..1]);
    setup.host.until("a part of a character", |host| host.bytes(LogStream::Stdout) == umbrella[..1]).await;
    write(&setup, false, &umbrella[1..]);
    write(&setup, true, b"wrong\n");
    setup.host.until("the rest", |host| host.stdout() == "☂" && host.stderr() == "wrong\n").await;
    // More than one piece, and bytes that are no text.
    let much: Vec<u8> = (0..9_000_001_u32).map(|number| (number % 251) as u8).collect();
    write(&setup, false, &much);
    let job = setup.job();
    {
        let mut state = setup.azure.state();
        let task = state.tasks.get_mut(&job).unwrap();
        task["state"] = "completed".into();
        task["executionInfo"] = json!({ "exitCode": 0, "result": "success" });
    }
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert!(setup.host.bytes(LogStream::Stdout) == [umbrella, &much].concat(), "nothing is lost, nothing comes twice");
}

#[tokio::test]
async fn z9_without_streaming_output_comes_after_the_end() {
    let setup = Setup::new("echo early; sleep 0.4; echo late; exit 2").with("streamLogs", json!(false));
    let running = setup.spawn();
    setup.until("output", |setup| setup.azure.state().output.values().any(|output| !output[0].is_empty())).await;
    setup.until("some looks", |setup| setup.azure.asked("GET", "/tasks/") > 5).await;
    assert_eq!(setup.host.stdout(), "");
    assert_eq!(running.await.unwrap().unwrap().exit_code, 2);
    assert_eq!(setup.host.stdout(), "early\nlate\n");
}

#[tokio::test]
async fn z10_marks_arrive_as_they_were_written() {
    let setup = Setup::new("printf 'before ::{\"outputs\":{\"x\":1}}::\\n'");
    setup.run().await.unwrap();
    assert_eq!(setup.host.stdout(), "before ::{\"outputs\":{\"x\":1}}::\n");
}

#[tokio::test]
async fn z11_exit_codes_are_those_of_the_command_and_other_failures_say_whose_they_are() {
    for (script, code) in [("true", 0), ("exit 3", 3), ("exit 255", 255)] {
        let setup = Setup::new(script);
        let outcome = setup.run().await.unwrap();
        assert_eq!((outcome.exit_code, outcome.reason), (code, None), "{script}");
        assert!(outcome.details["job"].is_string() && outcome.details["pool"] == "test-pool" && outcome.details["node"] == "node-1");
        setup.assert_gone();
    }
    let mut setup = Setup::new("true").input("in", "");
    setup.request.command.image = Some("missing".into());
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 1);
    let message = outcome.message.unwrap();
    assert!(message.contains("server error ContainerInvalidImage") && message.contains("manifest unknown"), "{message}");
    setup.assert_gone();
}

#[tokio::test]
async fn z12_a_kill_terminates_then_deletes_and_a_second_one_does_nothing() {
    for delete in [true, false] {
        let setup = Setup::new("echo ready; sleep 100").input("in", "").with("delete", json!(delete));
        let running = setup.spawn();
        setup.host.until("output", |host| host.stdout().contains("ready")).await;
        setup.host.cancel(CancelReason::Kill, GRACE);
        let outcome = running.await.unwrap().unwrap();
        assert_eq!(outcome.reason, Some(FailureReason::Killed));
        assert!(outcome.exit_code != 0);
        let (ended, removed) = (setup.azure.asked("POST", "/tasks/"), setup.azure.asked("DELETE", "/jobs/"));
        assert_eq!((ended, removed), (1, usize::from(delete)), "delete: {delete}");
        setup.host.cancel(CancelReason::Kill, GRACE);
        assert_eq!(setup.azure.asked("POST", "/tasks/"), 1);
        if delete {
            setup.assert_gone();
        } else {
            assert_eq!(setup.azure.state().tasks.values().next().unwrap()["state"], "completed", "the work ends all the same");
        }
    }
    for state in ["active", "preparing", "running"] {
        let setup = Setup::new("unused").input("in", "");
        setup.azure.state().stuck = Some(state);
        let running = setup.spawn();
        setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
        setup.host.cancel(CancelReason::Kill, GRACE);
        assert_eq!(running.await.unwrap().unwrap().reason, Some(FailureReason::Killed), "{state}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn z14_time_limits_end_the_task_and_show_its_output() {
    // The host's, for a task that waits for its place as well.
    for stream in [true, false] {
        let setup = Setup::new("echo said; sleep 100").with("waitUntilCompletion", json!("PT0.6S")).with("streamLogs", json!(stream));
        let outcome = setup.run().await.unwrap();
        assert_eq!(outcome.reason, Some(FailureReason::DeadlineExceeded));
        assert!(outcome.exit_code != 0);
        assert_eq!(setup.host.stdout(), "said\n", "streamed: {stream}");
        assert_eq!(setup.azure.asked("POST", "/tasks/"), 1);
        setup.assert_gone();
    }
    // The service's.
    let mut setup = Setup::new("sleep 100").with("completionCheckInterval", json!("PT3S"));
    setup.request.timeout_ms = Some(1000);
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::DeadlineExceeded), "{outcome:?}");
    setup.assert_gone();
}

#[tokio::test]
async fn a_job_that_somebody_ends_is_a_failure() {
    for action in ["delete", "terminate"] {
        let setup = Setup::new("echo ready; sleep 100").input("in", "");
        let running = setup.spawn();
        setup.host.until("output", |host| host.stdout().contains("ready")).await;
        match action {
            "delete" => setup.azure.delete_job(&setup.job()),
            _ => setup.azure.terminate(&setup.job()),
        };
        let outcome = running.await.unwrap().unwrap();
        assert_eq!((outcome.reason, outcome.exit_code == 0), (Some(FailureReason::KilledOutside), false), "{action}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn z18_metrics_come_from_the_statistics_if_there_are_any() {
    let setup = Setup::new("true");
    setup.azure.state().stats = Some(
        json!({ "readIOps": "3", "readIOGiB": 0.5, "writeIOps": 1, "writeIOGiB": 0.0, "kernelCPUTime": "PT0.5S", "userCPUTime": "PT1S", "wallClockTime": "PT2S" }),
    );
    setup.run().await.unwrap();
    let events = format!("{:?}", setup.host.events());
    for name in [
        "io.read.ops.count",
        "io.read.gib.count",
        "io.write.ops.count",
        "io.write.gib.count",
        "cpu.kernel.duration",
        "cpu.user.duration",
        "wall.clock.duration",
    ] {
        assert!(events.contains(name), "{name}: {events}");
    }
}

#[tokio::test]
async fn phases_are_told_in_their_order() {
    let setup = Setup::new("true").input("in", "").outputs(&["*"]);
    setup.run().await.unwrap();
    let mut phases = setup.host.phases();
    phases.retain(|phase| *phase != Phase::Queued);
    assert_eq!(phases, [Phase::StagingIn, Phase::Starting, Phase::Running, Phase::StagingOut]);
}
