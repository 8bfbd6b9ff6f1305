//! Answers that go on.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    Body,
    routes::{refusal, selects},
    store::State,
};

/// An endless answer; an error breaks it off.
fn stream(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Response<Body> {
    let frames = futures_util::stream::unfold(receiver, |mut r| async { r.recv().await.map(|item| (item.map(Frame::data), r)) });
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}

pub fn watching(state: Arc<State>, since: Option<u64>, selector: String) -> Response<Body> {
    if since.is_some_and(|s| s < state.forgotten.load(Ordering::SeqCst)) {
        return refusal(410, "Expired", "too old resource version");
    }
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut news = state.news.subscribe();
        let (mut at, all) = {
            let _nothing_changes = state.history.lock().unwrap();
            let all: Vec<Value> = state.pods.lock().unwrap().values().cloned().collect();
            (since.unwrap_or_else(|| state.version.load(Ordering::SeqCst)), all)
        };
        if since.is_none() {
            for pod in all.into_iter().filter(|pod| selects(pod, &selector)) {
                let event = json!({ "type": "ADDED", "object": pod });
                if sender.send(Ok(format!("{event}\n").into())).await.is_err() {
                    return;
                }
            }
        }
        loop {
            let new: Vec<_> = state.history.lock().unwrap().iter().filter(|(version, ..)| *version > at).cloned().collect();
            for (version, kind, pod) in new {
                at = version;
                if !selects(&pod, &selector) {
                    continue;
                }
                let event = json!({ "type": kind, "object": pod });
                if sender.send(Ok(format!("{event}\n").into())).await.is_err() {
                    return;
                }
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    });
    stream(receiver)
}

pub fn logging(state: Arc<State>, name: &str, follow: bool, since: Option<String>) -> Response<Body> {
    let name = name.to_owned();
    if !state.pods.lock().unwrap().contains_key(&name) {
        return refusal(404, "NotFound", "pod not found");
    }
    let since: Option<jiff::Timestamp> = since.map(|s| s.parse().unwrap());
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut news = state.news.subscribe();
        let streams = state.requests.lock().unwrap().iter().filter(|line| line.contains("/log?")).count();
        let (mut at, mut left) = (0, state.settings.log_bytes.saturating_mul(streams));
        if state.settings.log_ends_early && !follow {
            left = usize::MAX;
        }
        loop {
            let ended = state.has_ended(&name) || !follow;
            let new: Vec<_> = state.logs.lock().unwrap().get(&name).map(|l| l[at..].to_vec()).unwrap_or_default();
            at += new.len();
            for (time, line) in new.into_iter().filter(|(time, _)| since.is_none_or(|s| time.as_second() >= s.as_second())) {
                let mut text = format!("{time:.9} ").into_bytes();
                text.extend(line);
                let cut = text.len() > left;
                text.truncate(left);
                left -= text.len();
                if sender.send(Ok(text.into())).await.is_err() {
                    return;
                }
                if cut && state.settings.log_ends_early {
                    return;
                }
                if cut {
                    let _ = sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
                    return;
                }
            }
            if ended || news.changed().await.is_err() {
                return;
            }
        }
    });
    stream(receiver)
}
