//! A host that goes away and comes back, at each stage.

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, CancelReason, testkit::Host};

use crate::{
    lifecycle::GRACE,
    setup::{Setup, ended, runner, until},
};

async fn left(script: &str) -> (Setup, Option<Value>) {
    let setup = Setup::new(script).outputs(&["out.txt"]);
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("one")).await;
    setup.host.cancel(CancelReason::Detach, GRACE);
    assert!(running.await.unwrap().unwrap().detached);
    assert_eq!(setup.aws.asked("deregisterjobdefinition"), 0, "the work goes on");
    let checkpoint = setup.host.checkpoints().last().cloned();
    (setup, checkpoint)
}

const SCRIPT: &str = "cd \"$WORKING_DIR\"; echo one; until test -e go; do sleep 0.05; done; echo two; echo out > out.txt";

fn go(setup: &Setup) {
    let folder = std::fs::read_dir(setup.aws.mount()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(folder.join("go"), "").unwrap();
}

#[tokio::test]
async fn b13_a_running_job_is_adopted_with_its_whole_log_and_its_files() {
    for by_checkpoint in [true, false] {
        let (setup, checkpoint) = left(SCRIPT).await;
        let second = Host::new();
        let (attached, ()) = tokio::join!(setup.attach(checkpoint.clone().filter(|_| by_checkpoint), &second), async {
            second.until("output", |host| host.stdout().contains("one")).await;
            go(&setup);
        });
        assert_eq!(ended(attached.unwrap()).exit_code, 0);
        assert_eq!(second.stdout(), "one\ntwo\n", "a host that has nothing gets the whole log");
        assert_eq!((setup.aws.asked("submitjob"), setup.aws.asked("registerjobdefinition")), (1, 1), "nothing was started twice");
        assert_eq!(setup.read("out.txt"), b"out\n");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn b13_a_job_that_ended_meanwhile_is_adopted_and_a_failed_one_only_by_its_checkpoint() {
    let (setup, checkpoint) = left(&format!("{SCRIPT}; exit 4")).await;
    go(&setup);
    let id = setup.jobs().remove(0);
    until("end", || setup.aws.state().jobs[&id]["status"] == "FAILED").await;
    assert_eq!(ended(setup.attach(checkpoint, &Host::new()).await.unwrap()).exit_code, 4);
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);

    let (setup, _) = left(SCRIPT).await;
    go(&setup);
    let id = setup.jobs().remove(0);
    until("end", || setup.aws.state().jobs[&id]["status"] == "SUCCEEDED").await;
    assert_eq!(ended(setup.attach(None, &Host::new()).await.unwrap()).exit_code, 0, "it would run twice");
    assert_eq!(setup.read("out.txt"), b"out\n");
    setup.assert_gone();
}

#[tokio::test]
async fn b13_a_job_of_another_task_is_left_alone() {
    let (setup, _) = left(SCRIPT).await;
    let id = setup.jobs().remove(0);
    setup.aws.state().jobs.get_mut(&id).unwrap()["tags"]["kestra-execution-id"] = "another".into();
    let mut other = setup.request.clone();
    other.properties["delete"] = json!(false);
    assert_eq!(runner().attach(other, None, Host::new().context()).await.unwrap(), Attached::Gone);
    assert_eq!(setup.aws.asked("terminatejob"), 0);
    go(&setup);
}

#[tokio::test]
async fn b13_without_resume_nothing_is_adopted_and_nothing_removed() {
    let (setup, checkpoint) = left(SCRIPT).await;
    let mut other = setup.request.clone();
    other.properties["resume"] = json!(false);
    assert_eq!(runner().attach(other, checkpoint, Host::new().context()).await.unwrap(), Attached::Gone);
    assert_eq!(setup.aws.asked("deregisterjobdefinition"), 0);
    go(&setup);
}

/// A host that dies does not tidy up: its future is dropped.
#[tokio::test]
async fn b13_what_a_dead_host_left_at_each_stage_is_found_or_removed() {
    for (stage, runs_on) in
        [("s3.PUT", false), ("registerjobdefinition", false), ("createjobqueue", false), ("submitjob", true), ("describejobs", true)]
    {
        let setup = Setup::new("sleep 0.2; echo done").without("jobQueueArn");
        setup.write("input", "x");
        // The answer of this stage never arrives.
        setup.aws.state().lost.push((stage.to_owned(), 1000));
        let running = setup.spawn();
        until(stage, || setup.aws.asked(stage) >= 1).await;
        running.abort();
        let _ = running.await;
        setup.aws.state().lost.clear();
        let attached = setup.attach(None, &Host::new()).await.unwrap();
        assert_eq!(matches!(attached, Attached::Ended { .. }), runs_on, "{stage}");
        if !runs_on {
            setup.assert_gone();
            assert_eq!(setup.run().await.unwrap().exit_code, 0, "{stage}");
        }
        assert_eq!(setup.aws.state().jobs.len(), 1, "{stage}: it ran once");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn a_kill_reaches_a_job_that_was_found_again() {
    let (setup, checkpoint) = left(SCRIPT).await;
    let second = Host::new();
    let (attached, ()) = tokio::join!(setup.attach(checkpoint, &second), async {
        second.until("output", |host| host.stdout().contains("one")).await;
        second.cancel(CancelReason::Kill, GRACE);
    });
    assert_eq!(ended(attached.unwrap()).exit_code, 143);
    setup.assert_gone();
}

#[tokio::test]
async fn b13_a_host_that_goes_while_files_come_back_leaves_them_for_the_next() {
    let setup = Setup::new("cd \"$WORKING_DIR\"; echo ran >> out.txt").outputs(&["out.txt"]);
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    // The bucket does not answer any more.
    setup.aws.fault("s3.GET", u32::MAX, 503, "SlowDown");
    setup.host.until("files coming back", |host| format!("{:?}", host.events()).contains("StagingOut")).await;
    setup.host.cancel(CancelReason::Detach, GRACE);
    assert!(running.await.unwrap().unwrap().detached);
    assert_eq!(setup.aws.asked("deregisterjobdefinition"), 0);

    setup.aws.state().faults.clear();
    let checkpoint = setup.host.checkpoints().last().cloned();
    assert_eq!(ended(setup.attach(checkpoint, &Host::new()).await.unwrap()).exit_code, 0);
    assert_eq!(setup.read("out.txt"), b"ran\n");
    assert_eq!(setup.aws.asked("submitjob"), 1, "nothing was started twice");
    setup.assert_gone();
}
