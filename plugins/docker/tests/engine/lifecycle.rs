//! Start, exit, kill, removal.

use std::time::{Duration, Instant};

use serde_json::json;
use switchyard_plugin_api::{CancelReason, ErrorKind, FailureReason, LogStream, Phase};

use crate::setup::{BuiltImage, Setup, docker, is_podman, lines, none, runner};

#[tokio::test]
pub async fn docker_d1_echo_exits_zero_and_leaves_nothing() {
    let setup = Setup::new("echo hello", none());
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (0, None));
    assert_eq!((setup.host.stdout().as_str(), setup.host.stderr().as_str()), ("hello\n", ""));
    assert_eq!(setup.host.phases(), [Phase::Starting, Phase::Running, Phase::Done]);
    assert_eq!(outcome.details.get("containerId").cloned(), setup.host.detail("containerId"));
    assert_eq!(setup.host.warnings(), Vec::<String>::new());
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d2_a_failed_command_reports_its_code_and_keeps_its_files() {
    let setup = Setup::new("echo kept > out.txt; exit 3", none()).outputs(&["out.txt"]);
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.reason, outcome.signal), (3, None, None));
    assert_eq!(setup.read("out.txt"), "kept\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d6_the_entrypoint_of_the_image_is_dropped_unless_asked_for() {
    let image = BuiltImage::new(&[r#"ENTRYPOINT ["echo", "from the entrypoint"]"#]);
    let dropped = Setup::new("echo from the command", none()).image(&image.0);
    assert_eq!(dropped.run().await.unwrap().exit_code, 0);
    assert_eq!(dropped.host.stdout(), "from the command\n");

    let mut asked = Setup::new("", json!({ "entryPoint": ["/bin/sh", "-c"] })).image(&image.0);
    asked.request.command.argv = vec!["echo asked".into()];
    assert_eq!(asked.run().await.unwrap().exit_code, 0);
    assert_eq!(asked.host.stdout(), "asked\n");
}

#[tokio::test]
pub async fn docker_d18_without_grace_a_kill_is_immediate() {
    let setup = Setup::new("trap 'echo trapped' TERM; echo up; while true; do sleep 1; done", json!({ "killGracePeriod": "PT0S" }));
    let running = setup.spawn();
    setup.host.until("the trap is set", |h| h.stdout().contains("up\n")).await;
    let asked = Instant::now();
    setup.host.cancel(CancelReason::Kill, Duration::from_secs(30));
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (137, Some(FailureReason::Killed)));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(setup.host.stdout(), "up\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d18_with_grace_the_command_sees_the_signal_first() {
    let setup =
        Setup::new("trap 'echo trapped; exit 7' TERM; echo up; while true; do sleep 0.1; done", json!({ "killGracePeriod": "PT5S" }));
    let running = setup.spawn();
    setup.host.until("the trap is set", |h| h.stdout().contains("up\n")).await;
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (7, Some(FailureReason::Killed)));
    assert_eq!(setup.host.stdout(), "up\ntrapped\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d19_a_kill_before_the_start_leaves_nothing() {
    let setup = Setup::new("echo must not run", none());
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert_eq!(setup.host.bytes(LogStream::Stdout), b"");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d19_a_kill_between_create_and_start_leaves_nothing() {
    let setup = Setup::new("echo must not run", none());
    let running = setup.spawn();
    // The first checkpoint is written between the two.
    setup.host.until("the container exists", |h| h.detail("containerId").is_some()).await;
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    match running.await.unwrap() {
        Ok(outcome) => assert_eq!(outcome.reason, Some(FailureReason::Killed)),
        Err(error) => assert_eq!(error.kind, ErrorKind::Cancelled),
    }
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d20_a_timeout_ends_the_container() {
    let setup = Setup::new("echo up; sleep 1000", none());
    let running = setup.spawn();
    setup.host.until("the command runs", |h| h.stdout() == "up\n").await;
    setup.host.cancel(CancelReason::Timeout, Duration::ZERO);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::Killed));
    assert_eq!(outcome.message.as_deref(), Some("stopped: the task's time limit has passed"));
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d29_without_waiting_the_container_survives() {
    let setup = Setup::new("sleep 1000", json!({ "wait": false }));
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(setup.containers(), [outcome.details["containerId"].as_str().unwrap()]);
    assert_eq!(setup.inspect()["State"]["Running"], true);
}

#[tokio::test]
pub async fn docker_d30_volumes_of_the_image_do_not_pile_up() {
    let image = BuiltImage::new(&["VOLUME /data"]);
    let before = lines(&docker(&["volume", "ls", "-q"])).len();
    for _ in 0..3 {
        let setup = Setup::new("touch /data/x; touch y", none()).image(&image.0).outputs(&["y"]);
        assert_eq!(setup.run().await.unwrap().exit_code, 0);
        setup.assert_gone();
    }
    // Other tests have volumes of their own for a while, but three runs with two volumes each would show.
    assert!(lines(&docker(&["volume", "ls", "-q"])).len() < before + 6);
}

#[tokio::test]
pub async fn without_delete_the_container_stays() {
    let setup = Setup::new("exit 4", json!({ "delete": false }));
    assert_eq!(setup.run().await.unwrap().exit_code, 4);
    assert_eq!(setup.inspect()["State"]["ExitCode"], 4);
}

#[tokio::test]
pub async fn a_command_that_is_not_in_the_image_ends_with_127() {
    for properties in [json!({}), json!({ "init": false })] {
        // Podman's init program has an exit code of its own for this.
        if is_podman() && properties.get("init").is_none() {
            continue;
        }
        let mut setup = Setup::new("", properties.clone());
        setup.request.command.argv = vec!["no-such-command".into()];
        let outcome = setup.run().await.unwrap();
        assert_eq!(outcome.exit_code, 127, "{properties}");
        let told = format!("{}{}", outcome.message.unwrap_or_default(), setup.host.stderr());
        assert!(told.contains("no-such-command"), "{properties}: {told}");
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn health_tells_version_and_endpoint() {
    let health = runner().health(none()).await.unwrap();
    assert!(health.ok && health.message.starts_with("Docker ") && health.message.contains("unix:///"), "{health:?}");
    assert!(health.facts["cpus"].as_i64().unwrap() > 0);
}
