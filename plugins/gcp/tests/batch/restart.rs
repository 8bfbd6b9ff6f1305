//! A host that dies and comes back.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{Attached, CancelReason, Outcome, testkit::Host};

use crate::setup::{Setup, runner};

const GRACE: Duration = Duration::from_secs(5);

fn ended(attached: Attached) -> Outcome {
    match attached {
        Attached::Ended { outcome } => outcome,
        Attached::Gone => panic!("nothing was found"),
    }
}

#[tokio::test]
async fn g12_a_running_job_is_adopted_with_its_log_and_its_files() {
    for with_checkpoint in [true, false] {
        let mut setup =
            Setup::new("cd $WORKING_DIR; echo one; until test -e go; do sleep 0.05; done; echo two; cp in out; exit 0").input("in", "kept");
        setup.request.files.outputs = vec!["out".into()];
        let running = setup.spawn();
        setup.host.until("output", |host| host.stdout().contains("one")).await;
        setup.host.cancel(CancelReason::Detach, GRACE);
        assert!(running.await.unwrap().unwrap().detached);
        assert_eq!(setup.google.asked("DELETE", ""), 0, "the work goes on");
        let uploads = setup.google.asked("POST", "/upload/");

        let checkpoint = setup.host.checkpoints().last().cloned().filter(|_| with_checkpoint);
        let second = Host::new();
        let (attached, ()) = tokio::join!(setup.attach(checkpoint.clone(), &second), async {
            second.until("output", |host| host.stdout().contains("one")).await;
            let folder = std::fs::read_dir(setup.google.mount()).unwrap().next().unwrap().unwrap().path();
            std::fs::write(folder.join("go"), "").unwrap();
        });
        assert_eq!(ended(attached.unwrap()).exit_code, 0);
        assert_eq!(second.stdout(), "one\ntwo\n", "a host that has nothing gets the whole log");
        assert_eq!(setup.output("out"), "kept");
        assert_eq!(setup.google.state().created.len(), 1, "nothing was started twice");
        assert_eq!(setup.google.asked("POST", "/upload/"), uploads, "nothing is uploaded again");
        setup.assert_gone();
        assert_eq!(setup.attach(checkpoint, &Host::new()).await.unwrap(), Attached::Gone);
    }
}

#[tokio::test]
async fn g12_a_host_that_dies_in_any_stage_runs_nothing_twice() {
    // Dropping the future is what a `kill -9` does. The stage is known by the requests that were made until then.
    for (stage, part, survives) in [
        ("uploading", "/upload/", false),
        ("created, no checkpoint", "POST /v1/", true),
        ("looking", "GET /v1/", true),
        ("reading the log", "entries:list", true),
    ] {
        let setup =
            Setup::new("echo ran >> $WORKING_DIR/runs; echo said; until test -e $WORKING_DIR/go; do sleep 0.02; done").input("in", "");
        let running = setup.spawn();
        setup.until(stage, |setup| setup.google.state().requests.iter().any(|line| line.contains(part))).await;
        running.abort();
        let _ = running.await;
        let checkpoint = setup.host.checkpoints().last().cloned().filter(|_| stage != "created, no checkpoint");
        let known = !setup.google.state().created.is_empty();
        let host = Host::new();
        let attach = setup.attach(checkpoint, &host);
        let (attached, ()) = tokio::join!(attach, async {
            if known {
                host.until("output", |host| host.stdout().contains("said")).await;
                let folder = std::fs::read_dir(setup.google.mount()).unwrap().next().unwrap().unwrap().path();
                assert_eq!(std::fs::read_to_string(folder.join("runs")).unwrap(), "ran\n", "{stage}");
                std::fs::write(folder.join("go"), "").unwrap();
            }
        });
        match attached.unwrap() {
            Attached::Ended { outcome } => assert_eq!(outcome.exit_code, 0, "{stage}"),
            // Nothing of it began: the host submits again.
            Attached::Gone => {
                assert!(!survives && !known, "{stage}");
                continue;
            }
        }
        assert_eq!(setup.google.state().created.len(), 1, "{stage}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn g12_a_job_that_ended_meanwhile_gives_its_result_and_its_files() {
    for (script, code) in [("echo said; echo x > $WORKING_DIR/out", 0), ("echo said; exit 4", 4)] {
        let mut setup = Setup::new(script);
        setup.request.files.outputs = vec!["out".into()];
        let running = setup.spawn();
        setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
        running.abort();
        let _ = running.await;
        let job = setup.job();
        setup
            .until("the end", |setup| ["SUCCEEDED", "FAILED"].iter().any(|end| setup.google.state().jobs[&job]["status"]["state"] == *end))
            .await;
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
async fn g12_failed_jobs_and_those_of_others_are_not_adopted() {
    // A failed one that no checkpoint tells of.
    let setup = Setup::new("exit 2").with("delete", json!(false));
    setup.run().await.unwrap();
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    // It does not stand in the way of the next one.
    assert_eq!(setup.run().await.unwrap().exit_code, 2);
    assert_eq!(setup.google.state().created.len(), 2);

    // Another attempt.
    let mut setup = Setup::new("unused");
    setup.google.state().stuck = Some("RUNNING");
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    setup.request.task.key.push_str("-other");
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    // Or a runner that shall not look.
    let mut other = setup.request.clone();
    other.properties["resume"] = json!(false);
    assert_eq!(runner().attach(other, setup.host.checkpoints().last().cloned(), Host::new().context()).await.unwrap(), Attached::Gone);
    setup.host.cancel(CancelReason::Kill, GRACE);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn g12_a_log_is_continued_where_the_host_has_it() {
    let setup = Setup::new("echo one; echo two; echo wrong >&2; exit 0").with("delete", json!(false));
    setup.run().await.unwrap();
    let host = Host::new();
    host.answer("log_position", json!({ "stdout": 5, "stderr": 6 }));
    let checkpoint = setup.host.checkpoints().last().cloned();
    ended(setup.attach(checkpoint, &host).await.unwrap());
    assert_eq!((host.stdout().as_str(), host.stderr().as_str()), ("wo\n", ""));
}

#[tokio::test]
async fn g12_a_host_that_goes_while_files_come_back_leaves_them_for_the_next() {
    let mut setup = Setup::new("cd $WORKING_DIR; echo ran >> out").input("in", "");
    setup.request.files.outputs = vec!["out".into()];
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    // The bucket does not answer any more.
    setup.google.state().faults.push(("/storage/".into(), u32::MAX, 503));
    setup.host.until("files coming back", |host| format!("{:?}", host.events()).contains("StagingOut")).await;
    setup.host.cancel(CancelReason::Detach, GRACE);
    assert!(running.await.unwrap().unwrap().detached);
    assert_eq!(setup.google.asked("DELETE", ""), 0);

    setup.google.state().faults.clear();
    let checkpoint = setup.host.checkpoints().last().cloned();
    assert_eq!(ended(setup.attach(checkpoint, &Host::new()).await.unwrap()).exit_code, 0);
    assert_eq!(setup.output("out"), "ran\n");
    assert_eq!(setup.google.state().created.len(), 1, "nothing was started twice");
    setup.assert_gone();
}
