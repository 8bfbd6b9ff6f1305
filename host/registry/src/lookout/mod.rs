//! Notices what becomes of the plugin directories while a host runs: a file is checked, in the throw-away process, as soon as it has
//! settled, and what a restart would make of it is told. Nothing of what is loaded is touched.

mod eyes;
mod glance;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use notify::Watcher;

use self::{
    eyes::{Eyes, Sight},
    glance::Glance,
};
use crate::{
    outlook::{FileChange, Outlook},
    registry::Registry,
};

/// How long nothing may change before a file counts as whole.
const SETTLE: Duration = Duration::from_millis(250);
/// How long a file that somebody began to write and has not closed may rest before it is checked nevertheless.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the directories are looked at without an event: network file systems send none.
const ROUND: Duration = Duration::from_secs(60);
/// The same where the system does not watch them at all.
const SHORT_ROUND: Duration = Duration::from_secs(2);

/// How often the cache is told that what is loaded is in use; far less than it keeps what is not.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// Looks after the directories of a registry until it is dropped.
#[derive(Debug)]
pub struct Lookout {
    signals: Sender<Signal>,
}

/// What was noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Everything that a restart would change now.
    pub outlook: Outlook,
    /// What was not told before, with whether it is bad.
    pub lines: Vec<(bool, String)>,
    /// Why the system does not watch all directories; they are looked at every few seconds then.
    pub unwatched: Option<String>,
}

enum Signal {
    Event(notify::Result<notify::Event>),
    Stop,
}

impl Lookout {
    /// Begins; `tell` is called from a thread of its own whenever there is something new.
    pub fn start(registry: &Registry, tell: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        Self::with(registry, tell, |events| {
            let watcher = notify::recommended_watcher(move |event| drop(events.send(Signal::Event(event))));
            watcher.map(|watcher| Box::new(watcher) as Box<dyn Watcher + Send>)
        })
    }

    fn with(
        registry: &Registry,
        tell: impl Fn(News) + Send + 'static,
        watch: impl FnOnce(Sender<Signal>) -> notify::Result<Box<dyn Watcher + Send>>,
    ) -> io::Result<Self> {
        let (signals, inbox) = mpsc::channel();
        let eyes = Eyes::new(watch(signals.clone()), registry.directories());
        let registry = registry.clone();
        let look = move || Look { told: News::default(), registry, eyes, tell }.run(&inbox);
        thread::Builder::new().name("switchyard-lookout".to_owned()).spawn(look)?;
        Ok(Self { signals })
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.signals.send(Signal::Stop);
    }
}

struct Look<Tell> {
    registry: Registry,
    eyes: Eyes,
    tell: Tell,
    told: News,
}

impl<Tell: Fn(News)> Look<Tell> {
    fn run(mut self, inbox: &Receiver<Signal>) {
        let mut writing: HashMap<PathBuf, Instant> = HashMap::new();
        self.eyes.adjust();
        let mut seen = Glance::at(self.registry.options());
        // Something may have changed since the host looked.
        let mut checked = None;
        let mut due = Some(Instant::now() + SETTLE);
        self.registry.keep_copies();
        let mut kept = Instant::now();
        loop {
            let round = if self.eyes.trouble().is_some() { SHORT_ROUND } else { ROUND };
            let wait = due.map_or(round, |due| due.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(wait) {
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Signal::Event(event)) => {
                    let sight = match &event {
                        Ok(event) => self.eyes.judge(event),
                        Err(error) => {
                            self.eyes.fail(error);
                            Sight::Change
                        }
                    };
                    match sight {
                        Sight::Nothing => continue,
                        Sight::Change => {}
                        Sight::Writing(file) => drop(writing.insert(file, Instant::now())),
                        Sight::Settled(file) => drop(writing.remove(&file)),
                    }
                    due = Some(Instant::now() + SETTLE);
                }
                Err(RecvTimeoutError::Timeout) => {
                    due = None;
                    if kept.elapsed() > KEEP {
                        self.registry.keep_copies();
                        kept = Instant::now();
                    }
                    let adjusted = self.eyes.adjust();
                    let now = Glance::at(self.registry.options());
                    if adjusted || now != seen {
                        seen = now;
                        due = Some(Instant::now() + SETTLE);
                        continue;
                    }
                    // A file that was opened and not written yet is one that is being written.
                    let unfinished = writing.values().copied().chain(now.empty());
                    let rest = unfinished.map(|since| (since + PATIENCE).saturating_duration_since(Instant::now())).max();
                    if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
                        due = Some(Instant::now() + rest);
                        continue;
                    }
                    writing.clear();
                    if checked.as_ref() != Some(&now) || self.told.unwatched.as_deref() != self.eyes.trouble() {
                        self.check();
                        checked = Some(now);
                    }
                }
            }
        }
    }

    /// Takes what is new through every check, and tells what it found.
    fn check(&mut self) {
        let (now, next) = (self.registry.plugins(), self.registry.afresh().plugins());
        let outlook = Outlook::between(&now, &next);
        if self.registry.options().write_status {
            self.registry.write_notes(&outlook.rows(&now, &next));
        }
        let unwatched = self.eyes.trouble().map(str::to_owned);
        let lines = lines(&self.told.outlook, &outlook);
        let news = News { outlook, lines, unwatched };
        if news.lines.is_empty() && news.outlook == self.told.outlook && news.unwatched == self.told.unwatched {
            return;
        }
        self.told = News { lines: Vec::new(), ..news.clone() };
        (self.tell)(news);
    }
}

/// What was not told before.
fn lines(before: &Outlook, after: &Outlook) -> Vec<(bool, String)> {
    let good: Vec<String> = after.files.iter().filter(|file| !file.is_bad()).map(FileChange::line).collect();
    let old = before.lines();
    let new = after.lines().into_iter().filter(|line| !old.contains(line)).map(|line| (!good.contains(&line), line));
    let back = before.files.iter().filter(|was| !after.files.iter().any(|is| is.file == was.file)).map(|was| {
        let active = was.before.as_ref().map_or_else(String::new, |label| format!("; {label} is active and stays so"));
        (false, format!("{}: a restart changes nothing about it any more{active}", was.file.display()))
    });
    new.chain(back).collect()
}

#[cfg(test)]
mod tests;
