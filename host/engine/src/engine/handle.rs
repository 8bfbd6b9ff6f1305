//! A running execution, for whoever waits for it or wants something of it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use switchyard_model::{Execution, JsonMap, State};
use tokio::sync::{mpsc, oneshot, watch};

use super::{control::over, submission::Refused};
use crate::actor::{Control, Message};

/// A running execution.
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub id: Arc<str>,
    pub messages: mpsc::UnboundedSender<Message>,
    pub done: watch::Receiver<Option<Arc<Execution>>>,
    /// The execution that took over (`CREATE_NEW_EXECUTION`).
    pub successor: OnceLock<Handle>,
    pub killed: AtomicBool,
}

impl Handle {
    pub(super) fn with(id: Arc<str>, messages: mpsc::UnboundedSender<Message>, done: watch::Receiver<Option<Arc<Execution>>>) -> Self {
        Self(Arc::new(Inner { id, messages, done, successor: OnceLock::new(), killed: AtomicBool::new(false) }))
    }

    /// One that is over needs no word.
    pub(super) fn tell(&self, message: Message) {
        let _ = self.0.messages.send(message);
    }

    /// Of an execution that is over.
    pub(super) fn finished(document: Execution) -> Self {
        let (messages, _) = mpsc::unbounded_channel();
        let id = Arc::clone(&document.id);
        Self::with(id, messages, watch::channel(Some(Arc::new(document))).1)
    }

    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Asks everything to end, the executions that it started too. The execution ends as KILLED once it has.
    pub fn kill(&self) {
        self.kill_with(true);
    }

    /// With `cascade: false` the executions that it started go on.
    pub fn kill_with(&self, cascade: bool) {
        self.0.killed.store(true, Ordering::SeqCst);
        // An execution that is over needs no kill.
        let _ = self.0.messages.send(Message::Kill { cascade });
        if let Some(successor) = self.0.successor.get() {
            successor.kill_with(cascade);
        }
    }

    /// Lets a paused task go on: the one that is named by its id or its run's, or the first one.
    pub async fn resume(&self, task_run: Option<String>, inputs: JsonMap) -> Result<(), Refused> {
        if let Some(successor) = self.0.successor.get() {
            return Box::pin(successor.resume(task_run, inputs)).await;
        }
        let (answer, answered) = oneshot::channel();
        let over = || Refused::Error(over(&self.0.id));
        self.0.messages.send(Message::Resume { task_run, inputs, answer }).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    /// Lets it pause, or go on.
    pub async fn control(&self, control: Control) -> Result<(), Refused> {
        if let Some(successor) = self.0.successor.get() {
            return Box::pin(successor.control(control)).await;
        }
        let (answer, answered) = oneshot::channel();
        let over = || Refused::Error(over(&self.0.id));
        self.0.messages.send(Message::Control { control, answer }).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    /// The finished execution; when another one took over, that one.
    pub async fn wait(&self) -> Arc<Execution> {
        let mut here = self.clone();
        loop {
            let document = here.left().await;
            match (here.0.successor.get().cloned(), document) {
                (Some(successor), _) => here = successor,
                (None, Some(document)) => return document,
                (None, None) => {
                    let mut lost = Execution::new(Arc::clone(&here.0.id), "", "", 0, Timestamp::now());
                    lost.state.push(State::Failed, Timestamp::now());
                    return Arc::new(lost);
                }
            }
        }
    }

    /// As it is now; `None` when it has just ended.
    pub async fn document(&self) -> Option<Execution> {
        let (answer, answered) = oneshot::channel();
        self.0.messages.send(Message::Document { answer }).ok()?;
        answered.await.ok()
    }

    /// Resolves when it has ended, or is left to another host: then `None`.
    pub async fn left(&self) -> Option<Arc<Execution>> {
        let mut done = self.0.done.clone();
        loop {
            if let Some(document) = &*done.borrow_and_update() {
                return Some(Arc::clone(document));
            }
            if done.changed().await.is_err() {
                return done.borrow().clone();
            }
        }
    }
}
