//! Many tasks at a time.

use crate::{fake::Google, setup::Setup};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_two_hundred_tasks_are_looked_at_by_few_questions() {
    let google = Google::start();
    google.state().stuck = Some("RUNNING");
    let interval = serde_json::json!("PT0.4S");
    let setups: Vec<Setup> =
        (0..200).map(|_| Setup::at(google.clone(), "unused").without("bucket").with("completionCheckInterval", interval.clone())).collect();
    let running: Vec<_> = setups.iter().map(Setup::spawn).collect();
    setups[0].until("all jobs are there", |_| google.state().created.len() == 200).await;
    // A job that is newer than the last list is looked at once by itself.
    let rounds = |google: &Google| google.asked("GET", "/jobs");
    for _ in 0..2 {
        google.state().requests.clear();
        setups[0].until("some looks", |_| google.state().requests.iter().filter(|line| line.ends_with("/jobs")).count() >= 4).await;
    }
    let single = google.asked("GET", "/jobs/");
    for job in google.state().jobs.values_mut() {
        job["status"]["state"] = "SUCCEEDED".into();
    }
    for run in running {
        assert_eq!(run.await.unwrap().unwrap().exit_code, 0);
    }
    assert_eq!(single, 0, "no job is looked at by itself while all run");
    assert!(rounds(&google) < 60, "{} questions for 200 tasks", rounds(&google));
    assert!(google.state().jobs.is_empty());
}
