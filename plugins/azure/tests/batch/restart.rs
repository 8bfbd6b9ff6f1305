//! A host that dies and comes back.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{Attached, CancelReason, Outcome, testkit::Host};

use crate::{
    fake::STORAGE,
    setup::{Setup, runner},
};

const GRACE: Duration = Duration::from_secs(5);

fn ended(attached: Attached) -> Outcome {
    match attached {
        Attached::Ended { outcome } => outcome,
        Attached::Gone => panic!("nothing was found"),
    }
}

#[tokio::test]
async fn z13_a_running_task_is_adopted_with_its_log_and_its_files() {
    for with_checkpoint in [true, false] {
        let gate = tempfile::tempdir().unwrap();
        let go = gate.path().join("go");
        let script = format!("echo one; until test -e {}; do sleep 0.05; done; echo two; cp in out", go.display());
        let setup = Setup::new(&script).input("in", "kept").outputs(&["out"]);
        let running = setup.spawn();
        setup.host.until("output", |host| host.stdout().contains("one")).await;
        setup.host.cancel(CancelReason::Detach, GRACE);
        assert!(running.await.unwrap().unwrap().detached);
        assert_eq!((setup.azure.asked("DELETE", ""), setup.azure.asked("POST", "terminate")), (0, 0), "the work goes on");
        let uploads = setup.azure.asked("PUT", "");

        let checkpoint = setup.host.checkpoints().last().cloned().filter(|_| with_checkpoint);
        let second = Host::after(4, 0);
        let (attached, ()) = tokio::join!(setup.attach(checkpoint.clone(), &second), async { std::fs::write(&go, "").unwrap() });
        assert_eq!(ended(attached.unwrap()).exit_code, 0);
        assert_eq!(second.stdout(), "two\n", "the log goes on where the host has it");
        assert_eq!(setup.output("out"), "kept");
        assert_eq!((setup.made("job"), setup.made("task")), (1, 1), "nothing was started twice");
        assert_eq!(setup.azure.asked("PUT", ""), uploads, "nothing is uploaded again");
        setup.assert_gone();
        assert_eq!(setup.attach(checkpoint, &Host::new()).await.unwrap(), Attached::Gone);
    }
}

#[tokio::test]
async fn z13_a_host_that_dies_in_any_stage_runs_nothing_twice() {
    // Dropping the future is what a `kill -9` does. The stage is known by the requests that were made until then.
    for (stage, part) in [
        ("uploading", "PUT /"),
        ("job made", "POST /jobs"),
        ("task made", "addtaskcollection"),
        ("looking", "GET /jobs"),
        ("reading the log", "stdout.txt"),
    ] {
        let gate = tempfile::tempdir().unwrap();
        let (go, runs) = (gate.path().join("go"), gate.path().join("runs"));
        let script = format!("echo ran >> {}; echo said; until test -e {}; do sleep 0.02; done", runs.display(), go.display());
        let setup = Setup::new(&script).input("in", "");
        let running = setup.spawn();
        setup.until(stage, |setup| setup.azure.state().requests.iter().any(|line| line.contains(part))).await;
        running.abort();
        let _ = running.await;
        let checkpoint = setup.host.checkpoints().last().cloned().filter(|_| !stage.ends_with("made"));
        let host = Host::new();
        std::fs::write(&go, "").unwrap();
        // What the host does: it looks, and submits again when nothing is left.
        let outcome = match setup.attach(checkpoint, &host).await.unwrap() {
            Attached::Ended { outcome } => outcome,
            Attached::Gone => runner().run(setup.request.clone(), host.context()).await.unwrap(),
        };
        assert_eq!((outcome.exit_code, host.stdout().as_str()), (0, "said\n"), "{stage}");
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "ran\n", "{stage}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn z13_a_task_that_ended_meanwhile_gives_its_result_and_its_files() {
    for (script, code) in [("echo said; echo x > out", 0), ("echo said; exit 4", 4)] {
        let setup = Setup::new(script).outputs(&["out"]);
        let running = setup.spawn();
        setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
        running.abort();
        let _ = running.await;
        setup.until("the end", |setup| setup.azure.state().tasks.values().all(|task| task["state"] == "completed")).await;
        let host = Host::new();
        let outcome = ended(setup.attach(setup.host.checkpoints().last().cloned(), &host).await.unwrap());
        assert_eq!((outcome.exit_code, host.stdout().as_str()), (code, "said\n"));
        if code == 0 {
            assert_eq!(setup.output("out"), "x\n");
        }
        setup.assert_gone();
    }
}

#[tokio::test]
async fn z13_jobs_of_others_and_failed_ones_are_not_adopted() {
    // A failed one that no checkpoint tells of; it does not stand in the way of the next one.
    let setup = Setup::new("exit 2").with("delete", json!(false));
    setup.run().await.unwrap();
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    assert_eq!(setup.run().await.unwrap().exit_code, 2);
    assert_eq!(setup.made("task"), 2);

    let mut setup = Setup::new("unused");
    setup.azure.state().stuck = Some("running");
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    // Or a runner that shall not look.
    let mut other = setup.request.clone();
    other.properties["resume"] = json!(false);
    assert_eq!(runner().attach(other, setup.host.checkpoints().last().cloned(), Host::new().context()).await.unwrap(), Attached::Gone);
    // Metadata that is empty is nobody's.
    let job = setup.job();
    let metadata = std::mem::replace(&mut setup.azure.state().jobs.get_mut(&job).unwrap()["metadata"], json!([]));
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    setup.azure.state().jobs.get_mut(&job).unwrap()["metadata"] = metadata;
    // Another attempt.
    setup.request.task.key.push_str("-other");
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    setup.host.cancel(CancelReason::Kill, GRACE);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn z13_a_host_that_goes_while_files_come_back_leaves_them_for_the_next() {
    let setup = Setup::new("echo ran >> out").outputs(&["out"]);
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    // The blobs do not answer any more.
    setup.azure.state().faults.push((format!("GET /{STORAGE}/"), u32::MAX, 503, "ServerBusy".into()));
    setup.host.until("files coming back", |host| format!("{:?}", host.events()).contains("StagingOut")).await;
    setup.host.cancel(CancelReason::Detach, GRACE);
    assert!(running.await.unwrap().unwrap().detached);
    assert_eq!(setup.azure.asked("DELETE", ""), 0);

    setup.azure.state().faults.clear();
    let checkpoint = setup.host.checkpoints().last().cloned();
    assert_eq!(ended(setup.attach(checkpoint, &Host::new()).await.unwrap()).exit_code, 0);
    assert_eq!(setup.output("out"), "ran\n");
    assert_eq!((setup.made("job"), setup.made("task")), (1, 1), "nothing was started twice");
    setup.assert_gone();
}
