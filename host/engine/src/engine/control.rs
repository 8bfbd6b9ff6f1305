//! What people do to executions: kill, pause, resume, restart, replay, change. Spec 8.5.

use std::sync::Arc;

use jiff::Timestamp;
use switchyard_model::{Execution, JsonMap, Label, State};
use switchyard_plugin_api::{Error, ErrorKind};
use switchyard_store::journal::{self, Record, Write};

use super::{
    CORRELATION, Engine,
    elsewhere::Wish,
    handle::Handle,
    submission::{Refused, new_id},
};
use crate::{
    actor::{Control, Message},
    core::{Effect, Event, RunIx, TaskEnd, again, replay},
    left::Left,
    load::Prepared,
};

/// Labels of spec 1.6 that say where an execution comes from.
pub(crate) const RESTARTED: &str = "system.restarted";
const REPLAY: &str = "system.replay";

impl Engine {
    /// Ends an execution, whoever began it and wherever it runs.
    pub async fn kill(&self, id: &str) -> Result<Handle, Error> {
        match self.reach(id).await? {
            Reached::Here(handle) => {
                handle.kill();
                Ok(handle)
            }
            Reached::At(host) => {
                self.wish(id, &host, Wish::Kill { cascade: true }).await?;
                Ok(self.distant(id, host))
            }
        }
    }

    /// Goes on with a paused execution; the inputs are those that its Pause task asks for.
    pub async fn resume(&self, id: &str, inputs: JsonMap) -> Result<Handle, Error> {
        match self.reach(id).await? {
            Reached::Here(handle) => handle.resume(None, inputs).await.map(|()| handle).map_err(Refused::into_error),
            Reached::At(host) => {
                self.wish(id, &host, Wish::Resume { task_run: None, inputs }).await?;
                Ok(self.distant(id, host))
            }
        }
    }

    /// A break: what runs ends, nothing new begins until it is resumed.
    pub async fn pause(&self, id: &str) -> Result<Handle, Error> {
        self.control(id, Control::Pause).await
    }

    /// Lets an execution go on that waits for its turn, its date or the end of a pause.
    pub async fn force_run(&self, id: &str) -> Result<Handle, Error> {
        self.control(id, Control::Force).await
    }

    async fn control(&self, id: &str, control: Control) -> Result<Handle, Error> {
        match self.reach(id).await? {
            Reached::Here(handle) => handle.control(control).await.map(|()| handle).map_err(Refused::into_error),
            Reached::At(host) => {
                self.wish(id, &host, Wish::Control(control)).await?;
                Ok(self.distant(id, host))
            }
        }
    }

    /// Another final state for an execution that is over.
    pub async fn change_status(&self, id: &str, state: State) -> Result<(), Error> {
        self.over(id).await?;
        let damaged = || Error::new(ErrorKind::Internal, "journal::record", format!("the document of the execution `{id}` cannot be read"));
        let mut summary = self.0.journal.execution(id).await.map_err(journal_failed)?.ok_or_else(|| unknown(id))?;
        let document = summary.document.as_deref().and_then(|document| serde_json::from_slice::<Execution>(document).ok());
        let mut execution = document.ok_or_else(damaged)?;
        if execution.state.current() == state {
            return Ok(());
        }
        let now = Timestamp::now();
        execution.state.push(state, now);
        summary.state = state.name().to_owned();
        summary.updated = now.as_millisecond();
        summary.document = Some(serde_json::to_vec(&execution).map_err(|_| damaged())?);
        self.0.journal.commit(vec![Write::Summary(summary)]).await.map(drop).map_err(journal_failed)
    }

    /// Another end for a task run of an execution that is over: what follows from it happens anew.
    pub async fn change_task_run(&self, id: &str, wanted: &str, state: State) -> Result<Handle, Error> {
        self.over(id).await?;
        let Left { flow, execution, events, records, .. } = self.left(id).await?;
        let run = self.task_run(&flow, &execution, &events, wanted)?;
        let (kept, end) = again::ended(Arc::clone(&flow.program), execution.clone(), &events, run).ok_or_else(|| {
            Error::user("execution::unknown_task_run", format!("`{wanted}` of the execution `{id}` has no end that could be another one"))
                .with_help("change the state of a task inside it: the state of a flowable task follows from its children")
        })?;
        let ended = Event::Ended { run, end: TaskEnd { state: Some(state), exit: None, parts: Vec::new(), ..end } };
        let now = Timestamp::now();
        let payload = serde_json::to_vec(&(now, &ended)).unwrap_or_default();
        let record = Record { execution_id: id.to_owned(), seq: records + 1, kind: "event".into(), payload };
        self.restarted(id, flow, execution, events, records, kept, vec![(record, (now, ended))]).await
    }

    /// Runs again what failed in an execution that is over, or what was killed. A paused one begins its pause anew.
    pub async fn restart(&self, id: &str) -> Result<Handle, Error> {
        let summary = self.0.journal.execution(id).await.map_err(journal_failed)?.ok_or_else(|| unknown(id))?;
        if !summary.finished && summary.state == State::Paused.name() {
            return self.control(id, Control::PauseAnew).await;
        }
        self.over(id).await?;
        let Left { flow, execution, events, records, .. } = self.left(id).await?;
        let Some(kept) = again::restart(Arc::clone(&flow.program), execution.clone(), &events) else {
            return Err(Error::user("execution::nothing_failed", format!("nothing failed in the execution `{id}`"))
                .with_help("`switchyard executions replay` makes a new execution of it"));
        };
        self.restarted(id, flow, execution, events, records, kept, Vec::new()).await
    }

    /// The task run of this id, or the last one of the task of this id.
    fn task_run(&self, flow: &Prepared, execution: &Execution, events: &[(Timestamp, Event)], wanted: &str) -> Result<RunIx, Error> {
        let whole = replay(Arc::clone(&flow.program), execution.clone(), events.iter().cloned());
        let runs = &whole.instance.execution().task_run_list;
        let by_id = runs.iter().position(|run| &*run.id == wanted);
        by_id.or_else(|| runs.iter().rposition(|run| &*run.task_id == wanted)).ok_or_else(|| {
            Error::user("execution::unknown_task_run", format!("the execution `{}` has no task run `{wanted}`", execution.id))
                .with_help("`switchyard executions show` lists its task runs")
        })
    }

    /// Goes on from the events that still count, and these.
    #[allow(clippy::too_many_arguments)]
    async fn restarted(
        &self,
        id: &str,
        flow: Arc<Prepared>,
        execution: Execution,
        events: Vec<(Timestamp, Event)>,
        records: u32,
        kept: again::Kept,
        more: Vec<(Record, (Timestamp, Event))>,
    ) -> Result<Handle, Error> {
        let payload = serde_json::to_vec(&kept.events).unwrap_or_default();
        let record = Record { execution_id: id.to_owned(), seq: records, kind: "restart".into(), payload };
        let (more, happened): (Vec<Record>, Vec<_>) = more.into_iter().unzip();
        let writes: Vec<Write> = std::iter::once(record).chain(more).map(Write::Record).collect();
        let records = records + u32::try_from(writes.len()).unwrap_or(u32::MAX);
        let written = self.0.journal.commit(writes).await;
        written.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let mut all: Vec<Option<_>> = events.into_iter().map(Some).collect();
        let events = kept.events.iter().filter_map(|place| all.get_mut(*place)?.take()).chain(happened);
        let mut replayed = replay(Arc::clone(&flow.program), execution, events);
        replayed.pending.retain(|effect| !matches!(effect, Effect::Start { run } if kept.again.contains(run)));
        let handle = self.go_on(flow, replayed, records)?;
        for run in kept.again {
            handle.tell(Message::Event(Event::Again { run }));
        }
        handle.tell(Message::Event(Event::Change { labels: vec![Label::new(RESTARTED, "true")], variables: None }));
        Ok(handle)
    }

    /// A new execution with the inputs of one that is over; with what that one did before a task run began.
    pub async fn replay(&self, id: &str, task_run: Option<&str>) -> Result<Handle, Error> {
        self.over(id).await?;
        let Left { flow, execution, events, .. } = self.left(id).await?;
        let kept = match task_run {
            None => Vec::new(),
            Some(wanted) => {
                let whole = replay(Arc::clone(&flow.program), execution.clone(), events.iter().cloned());
                let run = whole.instance.execution().task_run_list.iter().position(|run| &*run.id == wanted || &*run.task_id == wanted);
                run.and_then(|run| again::before(&events, run)).ok_or_else(|| {
                    Error::user("execution::unknown_task_run", format!("the execution `{id}` has no task run `{wanted}` that began"))
                        .with_help("`switchyard executions show` lists its task runs")
                })?
            }
        };
        let mut copy = Execution::new(
            new_id(),
            Arc::clone(&execution.namespace),
            Arc::clone(&execution.flow_id),
            execution.flow_revision,
            Timestamp::now(),
        );
        copy.inputs = Arc::clone(&execution.inputs);
        copy.labels = execution.labels.iter().filter(|label| ![CORRELATION, RESTARTED, REPLAY].contains(&&*label.key)).cloned().collect();
        copy.labels.push(Label::new(CORRELATION, Arc::clone(&copy.id)));
        copy.labels.push(Label::new(REPLAY, "true"));
        copy.trigger = execution.trigger.clone();
        copy.parent_id = Some(Arc::clone(&execution.id));
        copy.original_id = Arc::clone(&execution.original_id);
        let mut all: Vec<Option<_>> = events.into_iter().map(Some).collect();
        let events: Vec<_> = kept.iter().filter_map(|place| all.get_mut(*place)?.take()).collect();
        let mut writes = vec![Write::Record(Record {
            execution_id: copy.id.to_string(),
            seq: 0,
            kind: "created".into(),
            payload: serde_json::to_vec(&serde_json::json!({ "execution": copy, "flow": *flow.text })).unwrap_or_default(),
        })];
        for (seq, event) in (1..).zip(&events) {
            let payload = serde_json::to_vec(event).unwrap_or_default();
            writes.push(Write::Record(Record { execution_id: copy.id.to_string(), seq, kind: "event".into(), payload }));
        }
        let records = u32::try_from(writes.len()).unwrap_or(u32::MAX);
        let written = self.0.journal.commit(writes).await;
        written.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let replayed = replay(Arc::clone(&flow.program), copy, events);
        self.go_on(flow, replayed, records)
    }

    /// Fails when an execution is unknown or not over; this host has it afterwards.
    async fn over(&self, id: &str) -> Result<(), Error> {
        let summary = self.0.journal.execution(id).await.map_err(journal_failed)?.ok_or_else(|| unknown(id))?;
        let here = self.find(id).is_some();
        if !here && summary.finished && self.0.journal.adopt(id).await.map_err(journal_failed)?.is_none() {
            return Ok(());
        }
        let help = match summary.state.as_str() {
            "PAUSED" => "go on with it by `switchyard executions resume`, or end it by `switchyard executions kill`",
            _ => "wait for its end, or kill it with `switchyard executions kill`",
        };
        Err(Error::user("execution::not_over", format!("the execution `{id}` is not over")).with_help(help))
    }

    /// An execution that is not over; one that no host runs is taken up.
    async fn reach(&self, id: &str) -> Result<Reached, Error> {
        if let Some(handle) = self.find(id) {
            return Ok(Reached::Here(handle));
        }
        let summary = self.0.journal.execution(id).await.map_err(journal_failed)?;
        if summary.ok_or_else(|| unknown(id))?.finished {
            return Err(over(id));
        }
        match self.0.journal.adopt(id).await.map_err(journal_failed)? {
            Some(host) => Ok(Reached::At(host)),
            None => self.take_up(id).await.map(Reached::Here),
        }
    }
}

/// Where an execution runs.
enum Reached {
    Here(Handle),
    /// Another host, by name.
    At(String),
}

fn journal_failed(error: journal::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

pub(super) fn unknown(id: &str) -> Error {
    Error::user("execution::unknown", format!("there is no execution `{id}`")).with_help("`switchyard executions list` shows what there is")
}

pub(super) fn over(id: &str) -> Error {
    Error::user("execution::over", format!("the execution `{id}` is over"))
        .with_help("`switchyard executions restart` runs what failed in it again, `replay` makes a new one of it")
}
