//! The host's end of one plugin process: calls that wait for their answer, and what happens to them when the process ends.

use std::{
    collections::HashMap,
    io::BufReader,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use switchyard_plugin_api::{Event, LogStream, abi::host::PluginEvents};
use tokio::sync::{mpsc, oneshot};

use super::{
    end::{Doom, Ended},
    frame::{self, Bytes, Frame, Head, Kind},
    outbox::Outbox,
};
use crate::events::Forward;

/// What a run hears from the plugin, in order.
pub enum Item {
    Log {
        stream: LogStream,
        time: i64,
        bytes: Vec<u8>,
    },
    Notify(Event),
    Call {
        number: u64,
        service: String,
        payload: Value,
    },
    Reply(Result<Vec<u8>, switchyard_plugin_api::Error>),
    /// The process is gone.
    Ended(Ended),
}

enum Waiting {
    Call(SyncSender<Result<Vec<u8>, Broken>>),
    Run(mpsc::UnboundedSender<Item>),
    Ping(oneshot::Sender<()>),
}

/// Why a call has no answer.
#[derive(Debug, Clone)]
pub enum Broken {
    /// The plugin answered with an error.
    Plugin(switchyard_plugin_api::Error),
    /// Its process ended.
    Process(Ended),
}

struct State {
    next: u64,
    waiting: HashMap<u64, Waiting>,
    ended: Option<Ended>,
    /// Why the host ends the process.
    doom: Option<Doom>,
    /// Why the plugin could not be loaded, in its own words.
    failure: Option<switchyard_plugin_api::Error>,
    /// The heartbeat that was asked for and not answered.
    asked: Option<Instant>,
}

pub struct Connection {
    pub plugin: Arc<str>,
    socket: UnixStream,
    outbox: Arc<Outbox>,
    events: Arc<Forward>,
    state: Mutex<State>,
}

/// The number of the heartbeat; calls begin after it.
const HEARTBEAT: u64 = 0;

impl Connection {
    pub fn new(plugin: Arc<str>, socket: UnixStream, outbox: Arc<Outbox>, events: Arc<Forward>) -> Self {
        let state = State { next: 1, waiting: HashMap::new(), ended: None, doom: None, failure: None, asked: None };
        Self { plugin, socket, outbox, events, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_alive(&self) -> bool {
        let state = self.lock();
        state.ended.is_none() && state.doom.is_none()
    }

    /// Work is waiting for this process.
    pub fn is_busy(&self) -> bool {
        self.lock().waiting.values().any(|waiting| !matches!(waiting, Waiting::Ping(_)))
    }

    fn wait(&self, waiting: Waiting) -> Result<u64, Ended> {
        let mut state = self.lock();
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        let id = state.next;
        state.next += 1;
        state.waiting.insert(id, waiting);
        Ok(id)
    }

    /// A pure method. A process that does not answer in time is doomed.
    pub fn call(&self, head: &Head, payload: &[u8], patience: Duration) -> Result<Vec<u8>, Broken> {
        let (answer, answered) = sync_channel(1);
        let id = self.wait(Waiting::Call(answer)).map_err(Broken::Process)?;
        self.outbox.push(frame::start(id, head, payload));
        match answered.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => Err(Broken::Process(self.lock().ended.clone().unwrap_or_default())),
            Err(RecvTimeoutError::Timeout) => {
                self.doom(Doom::Hung { what: format!("`{}` of {}", head.method, head.type_name), after: patience });
                // The end of the process answers.
                answered.recv_timeout(patience).unwrap_or_else(|_| Err(Broken::Process(self.lock().ended.clone().unwrap_or_default())))
            }
        }
    }

    /// A method that takes its time.
    pub fn begin(self: &Arc<Self>, head: &Head, payload: &[u8]) -> Result<Run, Ended> {
        let (items, heard) = mpsc::unbounded_channel();
        let id = self.wait(Waiting::Run(items))?;
        self.outbox.push(frame::start(id, head, payload));
        Ok(Run { connection: Arc::clone(self), id, heard })
    }

    /// Resolves when the plugin's own threads answer, or are gone.
    pub fn ping(&self) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        if let Ok(id) = self.wait(Waiting::Ping(answer)) {
            self.outbox.push(frame::encode(Kind::Ping, id, &[]));
        }
        answered
    }

    /// Asks for a heartbeat while there is work; answers how long the last one has been owing.
    pub fn heartbeat(&self) -> Duration {
        let busy = self.is_busy();
        let mut state = self.lock();
        match state.asked {
            Some(asked) => asked.elapsed(),
            None if busy => {
                state.asked = Some(Instant::now());
                drop(state);
                self.outbox.push(frame::encode(Kind::Ping, HEARTBEAT, &[]));
                Duration::ZERO
            }
            None => Duration::ZERO,
        }
    }

    /// The process has to end, for this reason. The first one counts.
    pub fn doom(&self, doom: Doom) {
        self.lock().doom.get_or_insert(doom);
    }

    pub fn doomed(&self) -> Option<Doom> {
        self.lock().doom.clone()
    }

    /// What the plugin said when it could not be loaded.
    pub fn failure(&self) -> Option<switchyard_plugin_api::Error> {
        self.lock().failure.clone()
    }

    /// No more messages; the process ends by itself when it notices.
    pub fn close(&self) {
        self.outbox.close();
        // Already closed is closed.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// The process is gone: everything that waits for it hears why.
    pub fn end(&self, ended: &Ended) {
        let mut state = self.lock();
        state.ended = Some(ended.clone());
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.close();
        for waiting in waiting.into_values() {
            match waiting {
                // Whoever does not wait any more does not need to know.
                Waiting::Call(answer) => drop(answer.try_send(Err(Broken::Process(ended.clone())))),
                Waiting::Run(items) => drop(items.send(Item::Ended(ended.clone()))),
                Waiting::Ping(_) => {}
            }
        }
    }

    /// Takes messages until the process closes its end.
    pub fn listen(&self, socket: UnixStream) {
        let mut reader = BufReader::with_capacity(64 << 10, socket);
        loop {
            match frame::read(&mut reader) {
                Ok(Some(frame)) => {
                    if self.take(frame).is_none() {
                        return self.doom(Doom::Protocol("a message that is too short".to_owned()));
                    }
                }
                Ok(None) => return,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return self.doom(Doom::Protocol(error.to_string())),
                Err(_) => return,
            }
        }
    }

    fn take(&self, frame: Frame) -> Option<()> {
        let Frame { kind, id, body } = frame;
        match kind {
            Kind::Log => {
                let mut bytes = Bytes(&body);
                let stream = if bytes.u8()? == 0 { LogStream::Stdout } else { LogStream::Stderr };
                let time = i64::from_le_bytes(bytes.u64()?.to_le_bytes());
                let at = body.len() - bytes.0.len();
                let mut bytes = body;
                bytes.drain(..at);
                let size = bytes.len();
                if !self.tell(id, Item::Log { stream, time, bytes }) {
                    // Nobody listens, but the plugin waits for room.
                    self.credit(id, size);
                }
            }
            // Events of a newer plugin that this host does not know are no error.
            Kind::Notify => {
                if let Ok(event) = serde_json::from_slice(&body) {
                    self.tell(id, Item::Notify(event));
                }
            }
            Kind::Call => {
                let mut bytes = Bytes(&body);
                let number = bytes.u64()?;
                let service = String::from_utf8_lossy(bytes.sized()?).into_owned();
                let payload = serde_json::from_slice(bytes.0).unwrap_or_default();
                if !self.tell(id, Item::Call { number, service, payload }) {
                    let error = switchyard_plugin_api::Error::plugin("host::unknown_service", "the run is over");
                    self.answer(number, &Err(error));
                }
            }
            Kind::Reply => {
                let answer = frame::read_result(&body).map(<[u8]>::to_vec);
                let waiting = self.lock().waiting.remove(&id);
                match waiting {
                    Some(Waiting::Call(sender)) => drop(sender.try_send(answer.map_err(Broken::Plugin))),
                    Some(Waiting::Run(items)) => drop(items.send(Item::Reply(answer))),
                    Some(Waiting::Ping(_)) | None => {}
                }
            }
            Kind::Pong if id == HEARTBEAT => self.lock().asked = None,
            Kind::Pong => {
                if let Some(Waiting::Ping(answer)) = self.lock().waiting.remove(&id) {
                    let _ = answer.send(());
                }
            }
            Kind::Trace => {
                if let Ok(trace) = serde_json::from_slice(&body) {
                    self.events.trace(trace);
                }
            }
            Kind::Panic => {
                if let Ok(panic) = serde_json::from_slice(&body) {
                    self.events.panicked(panic);
                }
            }
            Kind::Failed => self.lock().failure = Some(frame::json_error(&body)),
            Kind::Start | Kind::Cancel | Kind::Answer | Kind::Credit | Kind::Ping => return None,
        }
        Some(())
    }

    /// Whether somebody listens.
    fn tell(&self, id: u64, item: Item) -> bool {
        match self.lock().waiting.get(&id) {
            Some(Waiting::Run(items)) => items.send(item).is_ok(),
            _ => false,
        }
    }

    fn credit(&self, id: u64, bytes: usize) {
        self.outbox.push(frame::encode(Kind::Credit, id, &[&(bytes as u64).to_le_bytes()]));
    }

    fn answer(&self, number: u64, answer: &Result<Vec<u8>, switchyard_plugin_api::Error>) {
        self.outbox.push(frame::result(Kind::Answer, number, answer));
    }
}

/// A call that goes on. Dropped early, it goes on without a listener.
pub struct Run {
    connection: Arc<Connection>,
    id: u64,
    heard: mpsc::UnboundedReceiver<Item>,
}

impl Run {
    pub async fn hear(&mut self) -> Item {
        match self.heard.recv().await {
            Some(item) => item,
            None => Item::Ended(self.connection.lock().ended.clone().unwrap_or_default()),
        }
    }

    /// Nothing has arrived that was not heard.
    pub fn is_quiet(&self) -> bool {
        self.heard.is_empty()
    }

    pub fn cancel(&self, cancellation: &switchyard_plugin_api::Cancellation) {
        let json = serde_json::to_vec(cancellation).unwrap_or_default();
        self.connection.outbox.push(frame::encode(Kind::Cancel, self.id, &[&json]));
    }

    pub fn credit(&self, bytes: usize) {
        self.connection.credit(self.id, bytes);
    }

    pub fn answer(&self, number: u64, answer: &Result<Vec<u8>, switchyard_plugin_api::Error>) {
        self.connection.answer(number, answer);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.connection.lock().waiting.remove(&self.id);
        // What was not heard gives its room back.
        let mut unheard = 0;
        while let Ok(item) = self.heard.try_recv() {
            if let Item::Log { bytes, .. } = item {
                unheard += bytes.len();
            }
        }
        if unheard > 0 {
            self.connection.credit(self.id, unheard);
        }
    }
}
