//! What became of the work that an earlier host left.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What a start found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Executions that go on.
    pub executions: usize,
    /// Attempts that were under way.
    pub attempts: usize,
    /// Of those: found again, or ended while nobody watched, with their result.
    pub found: usize,
    /// Nothing is known of their end; they failed with a message.
    pub lost: usize,
    /// Gone before they had begun anything that is known: submitted for the first time.
    pub submitted: usize,
    /// Their work had begun and is gone: it was submitted again.
    pub twice: usize,
    /// Executions whose attempts are not counted yet.
    pub opening: usize,
    /// Milliseconds from the first look until all of them were accounted for.
    pub millis: u64,
    /// Executions that cannot go on now, and why.
    pub held: Vec<(String, String)>,
}

impl Report {
    /// Attempts of which it is not known yet.
    pub fn open(&self) -> usize {
        self.opening + self.attempts.saturating_sub(self.found + self.lost + self.submitted + self.twice)
    }
}

/// Collects the report while the attempts are looked for.
#[derive(Debug, Clone)]
pub struct Recovery {
    report: Arc<watch::Sender<Report>>,
    /// When the first change was told.
    begun: Arc<OnceLock<Instant>>,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { report: Arc::new(watch::Sender::new(Report::default())), begun: Arc::default() }
    }
}

impl Recovery {
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    /// The report, once every attempt is accounted for.
    pub async fn settled(&self) -> Report {
        let mut watched = self.report.subscribe();
        match watched.wait_for(|report| report.open() == 0).await {
            Ok(report) => report.clone(),
            Err(_) => self.report(),
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Report)) {
        let begun = *self.begun.get_or_init(Instant::now);
        self.report.send_modify(|report| {
            change(report);
            if report.open() == 0 {
                report.millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            }
        });
    }

    /// An attempt that is looked for.
    pub(crate) fn trace(&self) -> Trace {
        self.change(|report| report.attempts += 1);
        Trace { recovery: self.clone(), told: Arc::new(AtomicBool::new(false)) }
    }
}

/// One attempt that an earlier host left. The first thing that is learned of it counts.
#[derive(Debug, Clone)]
pub struct Trace {
    recovery: Recovery,
    told: Arc<AtomicBool>,
}

impl Trace {
    pub fn found(&self) {
        self.tell(|report| report.found += 1);
    }

    pub fn lost(&self) {
        self.tell(|report| report.lost += 1);
    }

    pub fn submitted(&self, begun: bool) {
        self.tell(|report| if begun { report.twice += 1 } else { report.submitted += 1 });
    }

    fn tell(&self, change: impl FnOnce(&mut Report)) {
        if !self.told.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::Relaxed) {
            self.recovery.change(change);
        }
    }
}
