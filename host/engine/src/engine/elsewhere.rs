//! Executions that another host of the same journal runs: wishes reach them through the journal, their ends are read from it.

use std::{sync::Weak, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use tokio::sync::{mpsc, watch};

use super::{
    Engine, Shared,
    handle::Handle,
    submission::{Refused, new_id},
};
use crate::actor::{Control, Message};

/// Where wishes lie, and the answers to them.
const WISHES: &str = "wish";
const ANSWERS: &str = "answer";
/// How often hosts look for wishes, and for the ends of what runs elsewhere.
const PULSE: Duration = Duration::from_millis(400);
/// How often somebody who waits looks for the answer.
const GLANCE: Duration = Duration::from_millis(100);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What somebody wants of an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Wish {
    Kill { cascade: bool },
    Resume { task_run: Option<String>, inputs: JsonMap },
    Control(Control),
}

#[derive(Serialize, Deserialize)]
struct Letter {
    execution: String,
    wish: Wish,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    refused: Option<Error>,
}

impl Engine {
    /// Asks the host that runs an execution, and waits for its answer.
    pub(super) async fn wish(&self, id: &str, host: &str, wish: Wish) -> Result<(), Error> {
        let failed = |error: switchyard_store::journal::Error| Error::environment(error.code(), error.to_string());
        let memory = &self.0.memory;
        let key = new_id();
        let expires = Timestamp::now().checked_add(PATIENCE).ok();
        let letter = json!(Letter { execution: id.to_owned(), wish });
        memory.put(WISHES, &key, &letter, expires).await.map_err(failed)?;
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(GLANCE).await;
            if let Some(answer) = memory.get(ANSWERS, &key).await.map_err(failed)? {
                memory.remove(ANSWERS, &key);
                let answer = serde_json::from_value(answer).unwrap_or(Answer { refused: None });
                return answer.refused.map_or(Ok(()), Err);
            }
        }
        memory.remove(WISHES, &key);
        let message = format!("the execution `{id}` runs on the host {host}, which does not answer");
        Err(Error::environment("execution::elsewhere", message)
            .with_help("try again: when that host is dead, another one takes its executions over"))
    }

    /// A handle on an execution that another host runs.
    pub(super) fn distant(&self, id: &str, host: String) -> Handle {
        let (messages, mut inbox) = mpsc::unbounded_channel();
        let (announce, done) = watch::channel(None);
        let handle = Handle::with(id.into(), messages, done);
        let (engine, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            let mut pulse = tokio::time::interval(PULSE);
            pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    message = inbox.recv() => match message {
                        None | Some(Message::Detach) => return,
                        Some(message) => engine.pass_on(&id, &host, message).await,
                    },
                    _ = pulse.tick() => {
                        let Ok(Some(summary)) = engine.0.journal.execution(&id).await else { continue };
                        let ended = summary.document.filter(|_| summary.finished);
                        if let Some(document) = ended.and_then(|document| serde_json::from_slice(&document).ok()) {
                            // Nobody may be waiting.
                            let _ = announce.send(Some(std::sync::Arc::new(document)));
                            return;
                        }
                    }
                }
            }
        });
        handle
    }

    /// It may have come here meanwhile.
    async fn pass_on(&self, id: &str, host: &str, message: Message) {
        if let Some(here) = self.find(id) {
            here.tell(message);
            return;
        }
        match message {
            Message::Kill { cascade } => {
                if let Err(error) = self.wish(id, host, Wish::Kill { cascade }).await {
                    tracing::error!(execution = %id, code = %error.code, %error, "an execution could not be killed");
                }
            }
            Message::Resume { task_run, inputs, answer } => {
                let answered = self.wish(id, host, Wish::Resume { task_run, inputs }).await;
                // Whoever asked may have gone.
                let _ = answer.send(answered.map_err(Refused::Error));
            }
            Message::Control { control, answer } => {
                let answered = self.wish(id, host, Wish::Control(control)).await;
                let _ = answer.send(answered.map_err(Refused::Error));
            }
            Message::Document { answer } => {
                if let Ok(document) = self.document(id).await
                    && let Ok(document) = serde_json::from_value(document)
                {
                    let _ = answer.send(document);
                }
            }
            _ => {}
        }
    }

    /// Fulfils the wishes about executions that run here.
    async fn fulfil(&self) -> switchyard_store::journal::Result<()> {
        let memory = &self.0.memory;
        for (key, letter) in memory.all(WISHES).await? {
            let Ok(Letter { execution, wish }) = serde_json::from_value(letter) else { continue };
            let Some(handle) = self.find(&execution) else { continue };
            let refused = match wish {
                Wish::Kill { cascade } => {
                    handle.kill_with(cascade);
                    None
                }
                Wish::Resume { task_run, inputs } => handle.resume(task_run, inputs).await.err().map(Refused::into_error),
                Wish::Control(control) => handle.control(control).await.err().map(Refused::into_error),
            };
            memory.remove(WISHES, &key);
            memory.put_detached(ANSWERS, &key, &json!(Answer { refused }), Timestamp::now().checked_add(PATIENCE * 3).ok());
        }
        Ok(())
    }
}

/// Looks for wishes, as long as the engine is there.
pub(super) async fn listen(shared: Weak<Shared>) {
    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pulse.tick().await;
        let Some(engine) = shared.upgrade().map(Engine) else { return };
        if let Err(error) = engine.fulfil().await {
            tracing::debug!(code = error.code(), %error, "wishes from other hosts cannot be read");
        }
    }
}
