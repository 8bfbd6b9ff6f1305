//! Answers to what the core asks.

use std::sync::Arc;

use jiff::Timestamp;
use switchyard_model::{JsonMap, TaskKind};
use switchyard_plugin_api::Error;

use super::{Actor, Message};
use crate::{
    attempt::{TaskLog, directory_id},
    context::RunScope,
    core::{Ask, Decision, Event, RunIx},
    loops,
    script::task_ref,
    task::{Rendering, decide},
    working_directory::{self, About},
};

impl Actor {
    /// The answer, unless it takes time and will come as an event.
    pub(super) fn decide(&self, run: RunIx, ask: Ask, now: Timestamp) -> Option<Decision> {
        let scope = match ask {
            Ask::Iteration { group } => RunScope::of_iteration(&self.instance, run, group, &self.fixed, &self.services),
            _ => RunScope::new(&self.instance, Some(run), &self.fixed, &self.services),
        };
        let scope = scope.with_logs(&self.logs);
        let rendering = Rendering { expr: &self.shared.expr, scope: &scope, now };
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        let decided = match (&task.kind, ask) {
            (TaskKind::Loop(kind), Ask::Iteration { group }) => loops::iteration(kind, group, &self.shared.expr, &scope).map(Some),
            (TaskKind::Loop(kind), Ask::Close) => self.folder(run).map(|folder| {
                let results = self.instance.results_of(run).to_vec();
                let work = loops::close(Arc::clone(&kind.fetch_type), results, self.shared.storage.clone(), folder);
                self.decide_later(run, ask, work);
                None
            }),
            _ => decide(&self.instance, run, ask, &rendering).and_then(|decision| match &task.kind {
                _ if decision == Decision::Skip => Ok(Some(decision)),
                TaskKind::Loop(kind) => match loops::open(kind, &self.shared.expr, &scope)? {
                    loops::Opening::Items(decision) => Ok(Some(decision)),
                    loops::Opening::Stored { uri, limit, transmit } => {
                        let storage = self.shared.storage.clone();
                        self.decide_later(run, ask, async move { loops::read(&storage, &uri, limit, transmit).await });
                        Ok(None)
                    }
                },
                TaskKind::WorkingDirectory(kind) => {
                    let id = directory_id(self.instance.task_run(run), 0);
                    let (expr, log) = (&self.shared.expr, self.log(run));
                    let (document, value) = (self.instance.task_run(run), scope.value());
                    let about = About { run: document, value: value.as_deref(), expr, scope: &scope };
                    let job = match ask {
                        Ask::Close => working_directory::close(kind, id, task_ref(document, 0), &about)?,
                        _ => working_directory::open(kind, id, &about, &log)?,
                    };
                    let shared = Arc::clone(&self.shared);
                    self.decide_later(run, ask, async move { Ok(job.run(shared, log).await) });
                    Ok(None)
                }
                _ => Ok(Some(decision)),
            }),
        };
        decided.unwrap_or_else(|error| Some(undecided(&self.log(run), ask, &error)))
    }

    /// The answer comes as an event.
    pub(super) fn decide_later(&self, run: RunIx, ask: Ask, work: impl Future<Output = Result<Decision, Error>> + Send + 'static) {
        let (outbox, log) = (self.outbox.clone(), self.log(run));
        tokio::spawn(async move {
            let decision = work.await.unwrap_or_else(|error| undecided(&log, ask, &error));
            let _ = outbox.send(Message::Event(Event::Decided { run, decision }));
        });
    }
}

/// The answer to a question that an error prevents from being answered.
fn undecided(log: &TaskLog, ask: Ask, error: &Error) -> Decision {
    log.error(error);
    match ask {
        Ask::Open => Decision::Fail,
        Ask::Condition => Decision::Again { at: None, outputs: JsonMap::new(), failed: true },
        Ask::Close => Decision::Closed { outputs: JsonMap::new(), failed: true },
        Ask::Iteration { group } => Decision::Iteration { group, outputs: JsonMap::new(), stop: false, failed: true },
    }
}
