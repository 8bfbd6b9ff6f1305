//! A host whose services answer what they answered in the recording.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::watch};

use super::{not_recorded, text::Places};
use crate::{
    BoxFuture, Cancellation, Error, Event, HostContext, LogStream, outside,
    recording::{Answer, Call, Entry},
};

/// Time between the last word before a cancellation and the cancellation itself, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A new build that never says what the old one said is asked to end nevertheless, so much later.
const LATEST: Duration = Duration::from_secs(5);

/// What a call says to its host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    pub logs: [Vec<u8>; 2],
    pub events: Vec<Event>,
    /// Service and payload, without checkpoints.
    pub services: Vec<(String, Value)>,
    pub checkpoints: Vec<Value>,
    pub outside: Vec<Value>,
}

impl Seen {
    /// What was said in a recorded call, up to an entry.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut seen = Self::default();
        for entry in entries {
            match entry {
                Entry::Log { stream, bytes, .. } => seen.logs[usize::from(*stream == LogStream::Stderr)].extend_from_slice(&bytes.0),
                Entry::Event { event, .. } => seen.events.push(event.clone()),
                Entry::Service { service, payload, .. } if service == "checkpoint" => seen.checkpoints.push(payload.clone()),
                Entry::Service { service, payload, .. } => seen.services.push((service.clone(), payload.clone())),
                Entry::Outside { question, .. } => seen.outside.push(question.clone()),
                _ => {}
            }
        }
        seen
    }

    /// At least what the other one is.
    fn reaches(&self, other: &Self) -> bool {
        let phases = |seen: &Self| seen.events.iter().filter(|event| matches!(event, Event::Phase { .. })).count();
        self.logs[0].len() >= other.logs[0].len()
            && self.logs[1].len() >= other.logs[1].len()
            && phases(self) >= phases(other)
            && self.services.len() >= other.services.len()
            && self.checkpoints.len() >= other.checkpoints.len()
            && self.outside.len() >= other.outside.len()
    }
}

struct Given {
    service: String,
    payload: Value,
    answer: Answer,
    used: bool,
}

/// When the call was asked to end.
struct Asked {
    cancellation: Cancellation,
    after: Seen,
    pause: Duration,
}

struct State {
    seen: Seen,
    answers: Vec<Given>,
    outside: Vec<Given>,
    asked: Option<Asked>,
    numbers: u64,
}

pub(super) struct Played {
    state: Mutex<State>,
    places: Places,
    real: bool,
    cancellation: Arc<watch::Sender<Option<Cancellation>>>,
    runtime: Handle,
}

impl Played {
    /// Inside a runtime.
    pub fn new(call: &Call, places: &Places, real: bool) -> Self {
        let runtime = Handle::current();
        let cancellation = Arc::new(watch::Sender::new(None));
        let asked = asked(call);
        if let Some((cancellation_then, since)) = call.said.iter().find_map(|line| match &line.entry {
            Entry::Cancel { cancellation, .. } => Some((*cancellation, Duration::from_micros(line.at.saturating_sub(call.at)))),
            _ => None,
        }) {
            later(&runtime, &cancellation, since + LATEST, cancellation_then);
        }
        let state = State { seen: Seen::default(), answers: answers(call), outside: outside_of(call), asked, numbers: 0 };
        let played = Self { state: Mutex::new(state), places: places.clone(), real, cancellation, runtime };
        played.said(&mut played.state());
        played
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// Asks the call to end where it was asked in the recording.
    fn said(&self, state: &mut State) {
        let due = state.asked.as_ref().is_some_and(|asked| state.seen.reaches(&asked.after));
        if let Some(asked) = state.asked.take_if(|_| due) {
            later(&self.runtime, &self.cancellation, asked.pause.min(LONGEST_PAUSE), asked.cancellation);
        }
    }

    fn answer(&self, service: &str, payload: Value) -> Result<Value, Error> {
        let mut state = self.state();
        let payload = self.places.value(&payload);
        if service == outside::QUESTION {
            state.seen.outside.push(payload.clone());
            let answer = take(&mut state.outside, "", &payload, true).map(|answer| match answer {
                Answer::Ok(value) => json!({ "ok": value }),
                Answer::Error(error) => json!({ "error": error }),
            });
            state.numbers += 1;
            let number = state.numbers;
            self.said(&mut state);
            return match answer {
                Some(answer) if !self.real => Ok(answer),
                _ if self.real => Ok(json!({ "ask": number })),
                _ => Err(not_recorded(&format!("what it asks outside: {payload}"))),
            };
        }
        if service == outside::ANSWER {
            return Ok(Value::Null);
        }
        if service == "checkpoint" {
            state.seen.checkpoints.push(payload.clone());
        } else {
            state.seen.services.push((service.to_owned(), payload.clone()));
        }
        let answer = take(&mut state.answers, service, &payload, false);
        self.said(&mut state);
        match answer {
            Some(answer) => {
                let mut result = answer.into_result();
                if let Ok(value) = &mut result {
                    self.places.move_here(value);
                }
                result
            }
            None if service == "checkpoint" => Ok(Value::Null),
            // It was told that there are no more lines.
            None if service == "plan_output" => Ok(Value::Null),
            None => Err(not_recorded(&format!("{service}({payload})"))),
        }
    }
}

/// The first unused answer to this very question, else to another one of the service; one to a system outside only to this very
/// question, which may be asked more often than before.
fn take(given: &mut [Given], service: &str, payload: &Value, exact: bool) -> Option<Answer> {
    let same = |one: &Given| one.service == service && one.payload == *payload;
    let place = given.iter().position(|one| !one.used && same(one));
    let place = match (place, exact) {
        (None, true) => given.iter().rposition(same),
        (None, false) => given.iter().position(|one| !one.used && one.service == service),
        (place, _) => place,
    }?;
    let one = given.get_mut(place)?;
    one.used = true;
    Some(one.answer.clone())
}

fn answers(call: &Call) -> Vec<Given> {
    let mut all = Vec::new();
    for line in &call.said {
        if let Entry::Service { number, service, payload, .. } = &line.entry {
            let answer = call.said.iter().find_map(|line| match &line.entry {
                Entry::Answer { number: answered, result, .. } if answered == number => Some(result.clone()),
                _ => None,
            });
            let payload = payload.clone();
            all.extend(answer.map(|answer| Given { service: service.clone(), payload, answer, used: false }));
        }
    }
    all
}

fn outside_of(call: &Call) -> Vec<Given> {
    let given = |entry: &Entry| match entry {
        Entry::Outside { question, result, .. } => {
            Some(Given { service: String::new(), payload: question.clone(), answer: result.clone(), used: false })
        }
        _ => None,
    };
    call.said.iter().filter_map(|line| given(&line.entry)).collect()
}

fn asked(call: &Call) -> Option<Asked> {
    let at = call.said.iter().position(|line| matches!(line.entry, Entry::Cancel { .. }))?;
    let line = call.said.get(at)?;
    let Entry::Cancel { cancellation, .. } = line.entry else { return None };
    let before = at.checked_sub(1).and_then(|at| call.said.get(at)).map_or(call.at, |line| line.at);
    let after = Seen::of(call.said.iter().take(at).map(|line| &line.entry));
    Some(Asked { cancellation, after, pause: Duration::from_micros(line.at.saturating_sub(before)) })
}

fn later(runtime: &Handle, cancellation: &Arc<watch::Sender<Option<Cancellation>>>, pause: Duration, asked: Cancellation) {
    let cancellation = cancellation.clone();
    runtime.spawn(async move {
        tokio::time::sleep(pause).await;
        cancellation.send_if_modified(|current| current.replace(asked).is_none());
    });
}

impl HostContext for Played {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        let mut state = self.state();
        state.seen.logs[usize::from(stream == LogStream::Stderr)].extend_from_slice(bytes);
        self.said(&mut state);
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        let mut state = self.state();
        state.seen.events.push(event);
        self.said(&mut state);
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        Box::pin(std::future::ready(self.answer(service, payload)))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut asked = self.cancellation.subscribe();
        Box::pin(async move {
            match asked.wait_for(Option::is_some).await.map(|asked| *asked) {
                Ok(Some(asked)) => asked,
                _ => std::future::pending().await,
            }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.cancellation.borrow()
    }
}
