//! From a request to an answer.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    Answer, Body, Instead,
    exec::exec,
    store::State,
    streams::{logging, watching},
};

pub async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, mut cut) = (state.clone(), state.cut.subscribe());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| handle(state.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                biased;
                _ = cut.changed() => {}
                _ = connection => {}
            }
        });
    }
}

pub fn full(status: u16, body: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed();
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

pub fn refusal(status: u16, reason: &str, message: &str) -> Response<Body> {
    full(status, &json!({ "kind": "Status", "status": "Failure", "code": status, "reason": reason, "message": message }))
}

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let line = format!("{} {}", request.method(), request.uri());
    state.requests.lock().unwrap().push(line.clone());
    let instead = {
        let mut rules = state.rules.lock().unwrap();
        rules.iter_mut().find(|r| r.times > 0 && line.contains(r.what)).map(|rule| {
            rule.times -= 1;
            rule.instead.clone()
        })
    };
    match instead {
        Some(Instead::Refuse(status, reason, message)) => return Ok(refusal(status, reason, &message)),
        Some(Instead::Busy(seconds)) => {
            let mut answer = refusal(429, "TooManyRequests", "slow down");
            answer.headers_mut().insert("retry-after", seconds.into());
            return Ok(answer);
        }
        Some(Instead::Break) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Instead::LoseAnswer) => {
            let _ = route(state, request).await;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        None => {}
    }
    route(state, request).await
}

async fn route(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let query = query(request.uri().query().unwrap_or_default());
    let value = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["version"]) => Ok(full(200, &json!({ "gitVersion": "v1.33.0-fake" }))),
        (&Method::POST, ["apis", "authorization.k8s.io", ..]) => Ok(full(201, &json!({ "status": { "allowed": true } }))),
        (&Method::GET, [.., "events"]) => {
            let event = json!({ "type": "Warning", "reason": "Failed", "message": "something happened", "count": 2 });
            Ok(full(200, &json!({ "items": [event] })))
        }
        (&Method::POST, [.., "secrets"]) => Ok(full(201, &json!({}))),
        (&Method::DELETE, [.., "secrets", _]) => Ok(full(200, &json!({}))),
        (&Method::GET, [.., "pods"]) if value("watch").is_some() => {
            Ok(watching(state, value("resourceVersion").and_then(|v| v.parse().ok()), value("labelSelector").unwrap_or_default()))
        }
        (&Method::GET, [.., "pods"]) => {
            let items: Vec<Value> =
                state.pods.lock().unwrap().values().filter(|p| selects(p, &value("labelSelector").unwrap_or_default())).cloned().collect();
            let version = state.version.load(Ordering::SeqCst).to_string();
            Ok(full(200, &json!({ "kind": "PodList", "metadata": { "resourceVersion": version }, "items": items })))
        }
        (&Method::POST, [.., "namespaces", namespace, "pods"]) => {
            let namespace = (*namespace).to_owned();
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            Ok(state.create(&namespace, serde_json::from_slice(&body).unwrap()))
        }
        (&Method::GET, [.., "pods", name, "log"]) => Ok(logging(state, name, value("follow").is_some(), value("sinceTime"))),
        (&Method::GET, [.., "pods", name, "exec"]) => {
            let name = (*name).to_owned();
            let command = query.into_iter().filter(|(n, _)| n == "command").map(|(_, v)| v).collect();
            Ok(exec(state, name, command, request))
        }
        (&Method::GET, [.., "pods", name]) => match state.pods.lock().unwrap().get(*name) {
            Some(pod) => Ok(full(200, pod)),
            None => Ok(refusal(404, "NotFound", &format!("pods \"{name}\" not found"))),
        },
        (&Method::PATCH, [.., "pods", name]) => {
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            let patch: Value = serde_json::from_slice(&body).unwrap();
            let pod = state.change(name, |pod| {
                for (key, value) in patch["metadata"]["annotations"].as_object().unwrap() {
                    pod["metadata"]["annotations"][key] = value.clone();
                }
            });
            Ok(full(200, &pod.unwrap_or_default()))
        }
        (&Method::DELETE, [.., "pods", name]) => {
            if !state.pods.lock().unwrap().contains_key(*name) {
                return Ok(refusal(404, "NotFound", &format!("pods \"{name}\" not found")));
            }
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            let options: Value = serde_json::from_slice(&body).unwrap_or_default();
            if options["gracePeriodSeconds"] == 0 {
                state.remove(name);
            } else {
                state.change(name, |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
                let (state, name) = (state.clone(), (*name).to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    state.remove(&name);
                });
            }
            Ok(full(200, &json!({})))
        }
        _ => Ok(refusal(404, "NotFound", &path)),
    }
}

fn query(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

pub fn selects(pod: &Value, selector: &str) -> bool {
    let mut rules = selector.split(',').filter_map(|rule| rule.split_once('='));
    rules.all(|(name, value)| pod["metadata"]["labels"][name] == value)
}
