//! What an execution is told, and what it keeps of its attempts.

use serde::{Deserialize, Serialize};
use switchyard_model::{Execution, JsonMap};
use switchyard_plugin_api::Error;
use tokio::sync::oneshot;

use crate::{
    attempt::{Cancel, Leftovers},
    core::{Event, RunIx, TaskEnd},
    engine::Refused,
    task_cache::CacheEntry,
};

/// What reaches an execution from outside.
pub enum Message {
    Event(Event),
    /// An attempt wants to begin, once that is durable.
    Started {
        run: RunIx,
        durable: oneshot::Sender<()>,
    },
    /// An attempt came to its end.
    Ended {
        run: RunIx,
        end: TaskEnd,
        leftovers: Leftovers,
    },
    /// An earlier run with the same properties left its outputs.
    Cached {
        run: RunIx,
        outputs: JsonMap,
    },
    /// An attempt goes on without the host, or never began.
    Detached {
        run: RunIx,
    },
    /// The host goes; another one goes on.
    Detach,
    /// Another host has taken it over.
    Fence,
    /// Somebody wants to see the execution as it is.
    Document {
        answer: oneshot::Sender<Execution>,
    },
    /// With `cascade: false` the executions that it started go on.
    Kill {
        cascade: bool,
    },
    /// Somebody wants it to pause, or to go on.
    Control {
        control: Control,
        answer: oneshot::Sender<Result<(), Refused>>,
    },
    /// A paused task goes on: the one that is named, or the first one.
    Resume {
        task_run: Option<String>,
        inputs: JsonMap,
        answer: oneshot::Sender<Result<(), Refused>>,
    },
    /// The batches of a ForEachItem are there.
    Batches {
        run: RunIx,
        uris: Result<Vec<String>, Error>,
    },
}

/// What people want of an execution that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Control {
    /// What runs ends, nothing new begins.
    Pause,
    /// It goes on, whatever it waits for: its turn below the limit, its date, the end of a pause.
    Force,
    /// A paused execution begins its pause anew.
    PauseAnew,
}

/// What waits for the writes before it to be durable.
pub(super) enum After {
    Begin(oneshot::Sender<()>),
    Leave(Leftovers),
}

/// An attempt in the hands of a runner, or of the host itself.
pub(super) struct Running {
    pub cancel: Cancel,
    /// Whether it can go on without the host.
    pub outlives: bool,
    /// Another host could find it.
    pub distant: bool,
    /// Where its outputs are kept for later runs.
    pub cache: Option<CacheEntry>,
}
