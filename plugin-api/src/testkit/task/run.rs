//! What a task owes that does its work itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    super::{directory::Directory, host::Host, run::explain, run::no_panic},
    Behaviour, Checked, Judge, Subject,
};
use crate::{
    BoxFuture, CancelReason, Cancellation, Context, Error, Event, Files, HostContext, LogStream, Outcome, TaskOutcome, TaskRequest,
};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "run.cancelled",
        title: "ends at once when it is asked to end before it begins",
        exempt: by_plan,
        check: |subject| Box::pin(cancelled(subject)),
    },
    Behaviour {
        name: "run.exit_code",
        title: "fails when the program of its plan does",
        exempt: by_plan,
        check: |subject| Box::pin(exit_code(subject)),
    },
];

const GRACE: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(5);

fn by_plan(subject: &Subject) -> Option<&'static str> {
    if subject.component().planned { Some("the host runs its plan") } else { subject.unknown() }
}

async fn cancelled(subject: Subject) -> Checked {
    let host = Host::new();
    host.cancel(CancelReason::Kill, GRACE);
    // Whatever it says: what counts is that it ends.
    run(&subject, host.context(), GRACE + SLACK).await.map(drop)
}

async fn exit_code(subject: Subject) -> Checked {
    let ran = Arc::new(AtomicBool::new(false));
    let failing = Failing { host: Host::new().context(), ran: Arc::clone(&ran) };
    let patience = Duration::from_secs(subject.options().patience);
    let ended = run(&subject, Context::new(Arc::new(failing)), patience).await?;
    match ended {
        Ok(outcome) if ran.load(Ordering::Relaxed) && outcome.failure.is_none() => {
            Err("the program ended with exit code 3, and the task did not fail".to_owned())
        }
        // One that runs no program has nothing to tell.
        _ => Ok(()),
    }
}

async fn run(subject: &Subject, context: Context, limit: Duration) -> Result<Result<TaskOutcome, Error>, String> {
    let directory = Directory::new()?;
    let working_dir = directory.path().to_owned();
    let plan = subject.context(&working_dir.to_string_lossy(), false);
    let request = TaskRequest {
        task: plan.task.clone(),
        properties: subject.planned(),
        config: subject.options().config.clone(),
        files: Files { working_dir, ..Files::default() },
        plan,
    };
    let task = Arc::clone(subject.task());
    let mut work = tokio::spawn(async move { task.run(request, context).await });
    let result = match tokio::time::timeout(limit, &mut work).await {
        Ok(joined) => joined.map_err(explain)?,
        Err(_) => {
            work.abort();
            return Err(format!("it had not ended after {} s", limit.as_secs()));
        }
    };
    no_panic(result.as_ref().err())?;
    Ok(result)
}

/// A host whose runners end every program with exit code 3, and that has no files and no keys.
struct Failing {
    host: Context,
    ran: Arc<AtomicBool>,
}

impl HostContext for Failing {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        self.host.host().try_write_log(stream, time, bytes)
    }

    fn log_ready(&self) -> BoxFuture<()> {
        self.host.host().log_ready()
    }

    fn notify(&self, event: Event) {
        self.host.host().notify(event);
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let answer = match service {
            "run_plan" => {
                self.ran.store(true, Ordering::Relaxed);
                json!(Outcome::exited(3))
            }
            "plan_output" | "read_file" | "write_file" | "store_file" | "kv_get" | "kv_put" => Value::Null,
            _ => return self.host.host().call(service, payload),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        self.host.host().cancelled()
    }

    fn cancellation(&self) -> Option<Cancellation> {
        self.host.host().cancellation()
    }
}
