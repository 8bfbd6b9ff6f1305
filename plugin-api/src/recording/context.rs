//! A run's context whose every word is recorded.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use super::{Answer, Bytes, Entry, Recorder};
use crate::{BoxFuture, Cancellation, Context, Error, Event, HostContext, LogStream, outside};

pub(super) struct RecordedContext {
    inner: Context,
    recorder: Recorder,
    call: u64,
    /// The request to end is recorded once.
    asked: Arc<AtomicBool>,
    /// What is being asked outside, by number.
    asking: Arc<Mutex<HashMap<u64, Value>>>,
}

impl RecordedContext {
    pub fn new(inner: Context, recorder: Recorder, call: u64) -> Self {
        Self { inner, recorder, call, asked: Arc::default(), asking: Arc::default() }
    }
}

impl RecordedContext {
    /// A host that plays a recording has an answer; any other lets the plugin ask.
    fn outside(&self, number: u64, question: Value) -> BoxFuture<Result<Value, Error>> {
        let (recorder, call, asking) = (self.recorder.clone(), self.call, self.asking.clone());
        let answer = self.inner.host().call(outside::QUESTION, question.clone());
        Box::pin(async move {
            match answer.await {
                Ok(answer) if answer.get("ask").is_none() => {
                    if let Ok(result) = serde_json::from_value(answer.clone()) {
                        recorder.put(Entry::Outside { call, question, result });
                    }
                    Ok(answer)
                }
                Err(error) if error.code != "host::unknown_service" => Err(error),
                _ => {
                    asking.lock().unwrap_or_else(PoisonError::into_inner).insert(number, question);
                    Ok(json!({ "ask": number }))
                }
            }
        })
    }
}

fn cancelled(recorder: &Recorder, call: u64, asked: &AtomicBool, cancellation: Cancellation) {
    if !asked.swap(true, Ordering::Relaxed) {
        recorder.put(Entry::Cancel { call, cancellation });
    }
}

impl HostContext for RecordedContext {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        let taken = self.inner.host().try_write_log(stream, time, bytes);
        if taken {
            self.recorder.put(Entry::Log { call: self.call, stream, time, bytes: Bytes(bytes.to_vec()) });
        }
        taken
    }

    fn log_ready(&self) -> BoxFuture<()> {
        self.inner.host().log_ready()
    }

    fn notify(&self, event: Event) {
        self.recorder.put(Entry::Event { call: self.call, event: event.clone() });
        self.inner.host().notify(event);
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let (recorder, call) = (self.recorder.clone(), self.call);
        let number = recorder.next_service();
        if service == outside::QUESTION {
            return self.outside(number, payload);
        }
        if service == outside::ANSWER {
            let asked = payload.get("ask").and_then(Value::as_u64);
            let question = asked.and_then(|asked| self.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&asked));
            let result = payload.get("result").cloned().and_then(|result| serde_json::from_value::<Answer>(result).ok());
            if let (Some(question), Some(result)) = (question, result) {
                recorder.put(Entry::Outside { call, question, result });
            }
            return Box::pin(std::future::ready(Ok(Value::Null)));
        }
        recorder.put(Entry::Service { call, number, service: service.to_owned(), payload: payload.clone() });
        let answer = self.inner.host().call(service, payload);
        Box::pin(async move {
            let answer = answer.await;
            recorder.put(Entry::Answer { call, number, result: Answer::of(&answer) });
            answer
        })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let (recorder, call, asked) = (self.recorder.clone(), self.call, self.asked.clone());
        let resolved = self.inner.host().cancelled();
        Box::pin(async move {
            let cancellation = resolved.await;
            cancelled(&recorder, call, &asked, cancellation);
            cancellation
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        let cancellation = self.inner.cancellation()?;
        cancelled(&self.recorder, self.call, &self.asked, cancellation);
        Some(cancellation)
    }
}
