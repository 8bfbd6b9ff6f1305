//! A command over a websocket.

use std::{process::Stdio, sync::Arc};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{Body, store::State};

pub fn exec(state: Arc<State>, pod: String, words: Vec<String>, mut request: Request<Incoming>) -> Response<Body> {
    let offered = request.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
    assert!(offered.contains(state.settings.protocol));
    let key = request.headers()["sec-websocket-key"].to_str().unwrap().to_owned();
    let upgrade = hyper::upgrade::on(&mut request);
    let protocol = state.settings.protocol;
    tokio::spawn(async move {
        let upgraded = upgrade.await.unwrap();
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, mut source) = socket.split();
        let mut child = state.command(&pod, &words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout, mut stderr) = (child.stdin.take(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let reading = async {
            while let Some(Ok(message)) = source.next().await {
                let Message::Binary(data) = message else { continue };
                match data.split_first() {
                    Some((0, bytes)) => {
                        if let Some(stdin) = &mut stdin
                            && stdin.write_all(bytes).await.is_err()
                        {
                            break;
                        }
                    }
                    Some((255, _)) => stdin = None,
                    _ => {}
                }
            }
            std::future::pending::<()>().await;
        };
        let writing = async {
            let (mut out, mut err) = (vec![0; 8192], vec![0; 8192]);
            let (mut out_open, mut err_open) = (true, true);
            while out_open || err_open {
                let (channel, bytes) = tokio::select! {
                    read = stdout.read(&mut out), if out_open => match read {
                        Ok(n @ 1..) => (1, out[..n].to_vec()),
                        _ => { out_open = false; continue }
                    },
                    read = stderr.read(&mut err), if err_open => match read {
                        Ok(n @ 1..) => (2, err[..n].to_vec()),
                        _ => { err_open = false; continue }
                    },
                };
                let mut frame = vec![channel];
                frame.extend(bytes);
                if sink.send(Message::Binary(frame.into())).await.is_err() {
                    return;
                }
            }
            let code = child.wait().await.unwrap().code().unwrap_or(137);
            let status = if code == 0 {
                json!({ "status": "Success" })
            } else {
                json!({ "status": "Failure", "message": format!("command terminated with exit code {code}"), "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] } })
            };
            let mut frame = vec![3];
            frame.extend(status.to_string().into_bytes());
            let _ = sink.send(Message::Binary(frame.into())).await;
            let _ = sink.close().await;
        };
        let mut cut = state.cut.subscribe();
        tokio::select! {
            () = reading => {}
            () = writing => {}
            _ = cut.changed() => {}
        }
    });
    let empty = Full::new(Bytes::new()).map_err(|never| match never {}).boxed();
    Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .header("sec-websocket-protocol", protocol)
        .body(empty)
        .unwrap()
}
