//! The plugin's own Tokio runtime, started at its first use. The host's reactor is another copy of Tokio with other
//! thread-locals, so nothing of a plugin can run on it.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

use tokio::runtime::{Builder, Runtime};

use super::panics;
use crate::Error;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// The runtime; `name` names its threads.
pub(super) fn get(name: &str) -> Result<&'static Runtime, Error> {
    let runtime = RUNTIME.get_or_init(|| {
        let workers = std::env::var("SWITCHYARD_PLUGIN_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
        Builder::new_multi_thread()
            .worker_threads(workers)
            // Linux shows 15 bytes of a thread's name.
            .thread_name(format!("sy-{name}"))
            .enable_all()
            .build()
            .map_err(|e| e.to_string())
    });
    runtime.as_ref().map_err(|e| Error::environment("plugin::no_runtime", format!("the plugin {name} cannot start its threads: {e}")))
}

/// A future whose panic is an error, caught on the thread where it happened so that the backtrace is at hand.
pub(super) struct Contained<F>(pub Pin<Box<F>>);

impl<T, F: Future<Output = Result<T, Error>>> Future for Contained<F> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)))
            .unwrap_or_else(|payload| Poll::Ready(Err(panics::as_error(&payload))))
    }
}
