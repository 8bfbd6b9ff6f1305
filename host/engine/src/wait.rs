//! Waiting for something that is asynchronous inside an expression, which is not.

use std::{
    future::Future,
    sync::{LazyLock, mpsc},
};

use switchyard_expr::HostError;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// Drives what expressions wait for. The engine's own runtime cannot: its thread is the one that waits.
static RUNTIME: LazyLock<std::io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).thread_name("expressions").enable_all().build());

/// Blocks this thread until the future is done.
pub fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, HostError> {
    let runtime = RUNTIME.as_ref().map_err(|error| HostError::Failed(format!("no thread can be started: {error}")))?;
    let (answer, answered) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Whoever asked waits until this is sent.
        let _ = answer.send(future.await);
    });
    let receive = || answered.recv().map_err(|_| HostError::Failed("the service ended without an answer".to_owned()));
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        // Other tasks of this thread go on elsewhere meanwhile.
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(receive),
        _ => receive(),
    }
}
