//! A request to end, from whoever decides to whoever works.

use std::{sync::Arc, time::Duration};

use switchyard_plugin_api::{CancelReason, Cancellation};
use tokio::sync::watch;

/// Cheap to clone. The first request counts.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<watch::Sender<Option<Cancellation>>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Cancel {
    pub fn request(&self, reason: CancelReason, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(Cancellation { reason, grace_ms });
            }
            first
        });
    }

    pub fn current(&self) -> Option<Cancellation> {
        *self.0.borrow()
    }

    /// Resolves when the end is asked for.
    pub fn requested(&self) -> impl Future<Output = Cancellation> + Send + 'static {
        let mut watched = self.0.subscribe();
        // The sender lives in the future, so that the channel cannot close under it.
        let alive = Arc::clone(&self.0);
        async move {
            let _alive = alive;
            loop {
                if let Some(cancellation) = *watched.borrow_and_update() {
                    return cancellation;
                }
                if watched.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}
