//! Names the plugin that keeps the host waiting: calls that take long, and runtimes that do not answer.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use switchyard_plugin_api::BoxFuture;

use crate::{
    blame::{self, Mark},
    usage::Calls,
};

/// Asks a plugin's own runtime for an answer.
pub(crate) type Ping = Arc<dyn Fn() -> BoxFuture<()> + Send + Sync>;
/// Hears of a plugin that keeps a thread of the host, and why that is known.
pub(crate) type Blocked = Arc<dyn Fn(&str, String) + Send + Sync>;
/// Polls a ping somewhere and tells when it is answered.
pub(crate) type Spawn = Arc<dyn Fn(BoxFuture<()>) + Send + Sync>;

/// What a poll of a future is called.
pub(crate) const POLL: &str = "poll";

#[derive(Default)]
struct State {
    next: u64,
    /// Calls into plugins that have not returned.
    calls: HashMap<u64, Call>,
    plugins: HashMap<Arc<str>, Plugin>,
    /// The thread sleeps until somebody begins something. Waking it for every call would cost more than most calls.
    asleep: bool,
    closed: bool,
}

struct Call {
    plugin: Arc<str>,
    what: &'static str,
    since: Instant,
    named: bool,
    told: bool,
}

#[derive(Default)]
struct Plugin {
    ping: Option<Ping>,
    /// In a process of its own it cannot block the host for long.
    apart: bool,
    /// Futures that are not finished.
    work: usize,
    asked: Option<Instant>,
    answered: Option<Instant>,
    named: bool,
    trouble: Option<String>,
    calls: Calls,
}

pub(crate) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    slow: Duration,
    unresponsive: Duration,
    blocked: Blocked,
}

impl Watch {
    /// Starts watching; ends with the last [`Arc`].
    pub fn start(slow: Duration, unresponsive: Duration, blocked: Blocked, spawn: Spawn) -> Arc<Self> {
        let watch = Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), slow, unresponsive, blocked });
        let weak = Arc::downgrade(&watch);
        let tick = (slow.min(unresponsive) / 4).clamp(Duration::from_millis(5), Duration::from_millis(500));
        let started = thread::Builder::new().name("sy-watch".to_owned()).spawn(move || patrol(&weak, tick, &spawn));
        if let Err(error) = started {
            tracing::warn!(%error, "plugins are not watched: the thread for it cannot be started");
        }
        watch
    }

    /// A call into a plugin begins; it ends when the answer is dropped.
    pub fn enter(self: &Arc<Self>, plugin: &Arc<str>, what: &'static str) -> Entry {
        let since = Instant::now();
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.calls.insert(id, Call { plugin: plugin.clone(), what, since, named: false, told: false });
        self.wake(&mut state);
        drop(state);
        Entry { watch: self.clone(), id, _mark: blame::mark(plugin) }
    }

    /// A future of a plugin begins; it ends when the answer is dropped.
    pub fn work(self: &Arc<Self>, plugin: &Arc<str>) -> Work {
        let mut state = self.lock();
        state.plugins.entry(plugin.clone()).or_default().work += 1;
        self.wake(&mut state);
        drop(state);
        Work { watch: self.clone(), plugin: plugin.clone() }
    }

    /// How to reach a plugin's runtime.
    pub fn register(&self, plugin: &Arc<str>, apart: bool, ping: Ping) {
        let mut state = self.lock();
        let known = state.plugins.entry(plugin.clone()).or_default();
        known.ping = Some(ping);
        known.apart = apart;
    }

    /// What was last found wrong with a plugin.
    pub fn trouble(&self, plugin: &str) -> Option<String> {
        self.lock().plugins.get(plugin).and_then(|plugin| plugin.trouble.clone())
    }

    /// What was counted for a plugin.
    pub fn calls(&self, plugin: &str) -> Calls {
        self.lock().plugins.get(plugin).map(|plugin| Calls { running: plugin.work, ..plugin.calls.clone() }).unwrap_or_default()
    }

    /// A call or a run of a plugin ended in an error.
    pub fn failed(&self, plugin: &Arc<str>, code: &str) {
        self.lock().plugins.entry(plugin.clone()).or_default().calls.failed(code);
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name_slow_calls(&self, now: Instant) {
        let mut slow = Vec::new();
        let mut state = self.lock();
        for call in state.calls.values_mut().filter(|call| !call.named && now.duration_since(call.since) >= self.slow) {
            call.named = true;
            slow.push((call.plugin.clone(), call.what, now.duration_since(call.since)));
        }
        for (plugin, what, waited) in &slow {
            let trouble = format!("`{what}` has not returned for {:.1} s", waited.as_secs_f32());
            state.plugins.entry(plugin.clone()).or_default().trouble = Some(trouble);
        }
        let mut blocked = Vec::new();
        let State { calls, plugins, .. } = &mut *state;
        for call in calls.values_mut().filter(|call| !call.told && now.duration_since(call.since) >= self.unresponsive) {
            call.told = true;
            if plugins.get(&call.plugin).is_none_or(|plugin| !plugin.apart) {
                blocked.push((call.plugin.clone(), call.what, now.duration_since(call.since)));
            }
        }
        drop(state);
        for (plugin, what, waited) in blocked {
            (self.blocked)(&plugin, format!("its `{what}` blocked a thread of the host for {:.1} s", waited.as_secs_f32()));
        }
        for (plugin, what, waited) in slow {
            tracing::warn!(plugin = &*plugin, call = what, waited_ms = waited.as_millis() as u64, "the plugin blocks a thread of the host");
        }
    }

    fn ping(self: &Arc<Self>, now: Instant, spawn: &Spawn) {
        let mut due = Vec::new();
        let mut silent = Vec::new();
        let mut state = self.lock();
        for (id, plugin) in state.plugins.iter_mut().filter(|(_, plugin)| plugin.work > 0) {
            match (plugin.asked, &plugin.ping) {
                (Some(asked), _) if now.duration_since(asked) >= self.unresponsive && !plugin.named => {
                    plugin.named = true;
                    let waited = now.duration_since(asked);
                    plugin.trouble =
                        Some(format!("its threads have not answered for {:.1} s: something blocks them", waited.as_secs_f32()));
                    silent.push((id.clone(), plugin.work, waited));
                }
                (None, Some(ping)) if plugin.answered.is_none_or(|at| now.duration_since(at) >= self.unresponsive / 4) => {
                    plugin.asked = Some(now);
                    due.push((id.clone(), ping.clone()));
                }
                _ => {}
            }
        }
        drop(state);
        for (plugin, work, waited) in silent {
            tracing::warn!(
                plugin = &*plugin,
                running = work,
                waited_ms = waited.as_millis() as u64,
                "the plugin's own threads do not answer: something blocks them"
            );
        }
        for (plugin, ping) in due {
            let (watch, answer) = (Arc::downgrade(self), ping());
            spawn(Box::pin(async move {
                answer.await;
                if let Some(watch) = watch.upgrade() {
                    watch.answered(&plugin);
                }
            }));
        }
    }

    fn answered(&self, id: &Arc<str>) {
        let mut state = self.lock();
        let Some(plugin) = state.plugins.get_mut(id) else { return };
        let asked = plugin.asked.take();
        plugin.answered = Some(Instant::now());
        let named = std::mem::take(&mut plugin.named);
        if named {
            plugin.trouble = None;
        }
        drop(state);
        if let (true, Some(asked)) = (named, asked) {
            tracing::info!(plugin = &**id, after_ms = asked.elapsed().as_millis() as u64, "the plugin answers again");
        }
    }
}

/// Looks around while anything is going on, sleeps while nothing is.
fn patrol(watch: &Weak<Watch>, tick: Duration, spawn: &Spawn) {
    let mut seen = 0;
    while let Some(watch) = watch.upgrade() {
        let mut state = watch.lock();
        if state.closed {
            return;
        }
        let idle = state.calls.is_empty() && state.plugins.values().all(|plugin| plugin.work == 0);
        // Sleeping between two calls would cost each of them a wake-up: it sleeps after a whole tick without any.
        if idle && state.next == seen {
            state.asleep = true;
            drop(watch.changed.wait(state));
        } else {
            seen = state.next;
            drop(watch.changed.wait_timeout(state, tick));
        }
        let now = Instant::now();
        watch.name_slow_calls(now);
        watch.ping(now, spawn);
    }
}

/// A call that goes on.
pub(crate) struct Entry {
    watch: Arc<Watch>,
    id: u64,
    _mark: Mark,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut state = self.watch.lock();
        let Some(call) = state.calls.remove(&self.id) else { return };
        let took = call.since.elapsed();
        let plugin = state.plugins.entry(call.plugin.clone()).or_default();
        plugin.calls.add(took, call.what == POLL);
        if took < self.watch.slow {
            return;
        }
        plugin.trouble = Some(format!("`{}` took {:.1} s", call.what, took.as_secs_f32()));
        drop(state);
        tracing::warn!(plugin = &*call.plugin, call = call.what, took_ms = took.as_millis() as u64, "a call into the plugin took long");
    }
}

/// A future that is not finished.
pub(crate) struct Work {
    watch: Arc<Watch>,
    plugin: Arc<str>,
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(plugin) = self.watch.lock().plugins.get_mut(&self.plugin) {
            plugin.work = plugin.work.saturating_sub(1);
        }
    }
}
