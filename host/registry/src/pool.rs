//! The threads that poll the futures of plugins, apart from those that run the host.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use switchyard_plugin_api::{BoxFuture, Error};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    usage::Calls,
    watch::{Blocked, POLL, Spawn, Watch, Work},
};

pub(crate) struct Pool {
    threads: usize,
    slow: Duration,
    unresponsive: Duration,
    blocked: Blocked,
    started: OnceLock<Result<Started, Error>>,
}

struct Started {
    /// Taken out only when the pool is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    watch: Arc<Watch>,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.watch.close();
        if let Some(runtime) = self.runtime.take() {
            // Waiting for a plugin that blocks would hold up the end of the host.
            runtime.shutdown_background();
        }
    }
}

impl Pool {
    pub fn new(threads: usize, slow: Duration, unresponsive: Duration, blocked: Blocked) -> Arc<Self> {
        Arc::new(Self { threads, slow, unresponsive, blocked, started: OnceLock::new() })
    }

    fn started(&self) -> Result<&Started, Error> {
        self.started.get_or_init(|| self.start()).as_ref().map_err(Clone::clone)
    }

    fn start(&self) -> Result<Started, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(self.threads.max(1))
            .thread_name("sy-plugins")
            .build()
            .map_err(|e| Error::environment("registry::no_threads", format!("the threads for plugins cannot be started: {e}")))?;
        let handle = runtime.handle().clone();
        let spawn: Spawn = {
            let handle = handle.clone();
            Arc::new(move |future| drop(handle.spawn(future)))
        };
        let watch = Watch::start(self.slow, self.unresponsive, self.blocked.clone(), spawn);
        Ok(Started { runtime: Some(runtime), handle, watch })
    }

    /// The watchdog, started with the first plugin.
    pub fn watch(&self) -> Result<&Arc<Watch>, Error> {
        self.started().map(|started| &started.watch)
    }

    /// What the watchdog last said about a plugin, if it was ever started.
    pub fn trouble(&self, plugin: &str) -> Option<String> {
        self.started.get()?.as_ref().ok()?.watch.trouble(plugin)
    }

    /// What the watchdog counted for a plugin.
    pub fn calls(&self, plugin: &str) -> Calls {
        let started = self.started.get().and_then(|started| started.as_ref().ok());
        started.map(|started| started.watch.calls(plugin)).unwrap_or_default()
    }

    /// Polls a plugin's future here. The answer may be dropped without harm: the future is never dropped half-way.
    pub fn run<T: Send + 'static>(&self, plugin: Arc<str>, future: BoxFuture<T>) -> BoxFuture<Result<T, Error>> {
        let started = match self.started() {
            Ok(started) => started,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let watch = started.watch.clone();
        let work = watch.work(&plugin);
        let task = started.handle.spawn(Watched { future, watch, plugin: plugin.clone(), _work: work });
        Box::pin(async move {
            task.await.unwrap_or_else(|e| {
                Err(Error::plugin("plugin::aborted", format!("the work of plugin {plugin} ended without an answer: {e}")))
            })
        })
    }
}

struct Watched<T> {
    future: BoxFuture<T>,
    watch: Arc<Watch>,
    plugin: Arc<str>,
    _work: Work,
}

impl<T> Future for Watched<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let _entry = self.watch.enter(&self.plugin, POLL);
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Error::plugin(
                "plugin::panic",
                format!("a future of plugin {} panicked outside its own threads", self.plugin),
            ))),
        }
    }
}
