//! A command in a container, over a websocket.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::SplitSink, stream::SplitStream};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::cluster::{Call, Cluster, Trouble, chain, escape};

type Socket<S> = tokio_tungstenite::WebSocketStream<S>;

/// Standard input.
pub const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// How long the other side may say nothing at all, pings included.
const SILENCE: Duration = Duration::from_secs(120);

/// Where to run something.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// Its container.
    pub container: &'a str,
}

/// Something the command said.
#[derive(Debug)]
pub enum Said {
    /// On standard output.
    Stdout(Bytes),
    /// On standard error.
    Stderr(Bytes),
    /// Its end: exit code, and the message of one that is not 0.
    Ended(i32, String),
}

/// The call that runs a command; also for the refusals of it.
pub fn call(place: &Place<'_>, command: &[&str]) -> Call {
    let mut query = format!("?container={}&stdin=true&stdout=true&stderr=true", escape(place.container));
    for argument in command {
        query.push_str("&command=");
        query.push_str(&escape(argument));
    }
    Call::pods("create", "pods/exec", place.namespace, &format!("/{}/exec{query}", escape(place.pod)), "running a command in the pod")
}

/// Runs a command. What is sent to `input` goes to its standard input as it is, with the stream's byte in front; everything it says comes out of
/// `said`. Ends when the command has ended.
pub async fn run(cluster: &Cluster, call: &Call, input: mpsc::Receiver<Bytes>, said: mpsc::Sender<Said>) -> Result<(), Trouble> {
    let connection = cluster.websocket(call).await?;
    let half_close = connection.supports_stream_close();
    let (sink, stream) = connection.into_stream().split();
    let mut listen = pin!(listen(stream, said));
    tokio::select! {
        heard = &mut listen => heard,
        // Whoever cannot talk any more may still be told why.
        talked = talk(sink, input, half_close, cluster.ping) => match timeout(Duration::from_secs(10), listen).await {
            Ok(heard) => heard,
            Err(_) => talked.and(Err(Trouble::Broken("the connection to the container broke".to_owned()))),
        },
    }
}

/// Runs a command while somebody listens, until either has had enough.
pub async fn heard<T>(running: impl Future<Output = Result<(), Trouble>>, hearing: impl Future<Output = T>) -> (Result<(), Trouble>, T) {
    let (mut running, mut hearing) = (pin!(running), pin!(hearing));
    tokio::select! {
        heard = &mut hearing => (Ok(()), heard),
        ran = &mut running => (ran, hearing.await),
    }
}

async fn talk<S>(
    mut sink: SplitSink<Socket<S>, Message>,
    mut input: mpsc::Receiver<Bytes>,
    half_close: bool,
    every: Duration,
) -> Result<(), Trouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut pings = interval_at(Instant::now() + every, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    loop {
        let message = tokio::select! {
            chunk = input.recv(), if open => match chunk {
                Some(chunk) => Message::Binary(chunk),
                None => {
                    open = false;
                    if !half_close {
                        continue;
                    }
                    Message::Binary(Bytes::from_static(&[CLOSE, STDIN]))
                }
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        sink.send(message).await.map_err(|e| broken(&e))?;
    }
}

async fn listen<S>(mut stream: SplitStream<Socket<S>>, said: mpsc::Sender<Said>) -> Result<(), Trouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut ended = false;
    loop {
        // After the end a little more may be under way: streams and status are carried side by side.
        let patience = if ended { Duration::from_millis(200) } else { SILENCE };
        let message = match timeout(patience, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            _ if ended => return Ok(()),
            Ok(Some(Err(error))) => return Err(broken(&error)),
            Ok(None) => return Err(Trouble::Broken("the connection to the container was closed".to_owned())),
            Err(_) => return Err(Trouble::Broken(format!("the container said nothing for {} s", SILENCE.as_secs()))),
        };
        let Message::Binary(data) = message else { continue };
        let Some((&channel, rest)) = data.split_first() else { continue };
        if rest.is_empty() {
            continue;
        }
        let content = data.slice(1..);
        let words = match channel {
            STDOUT => Said::Stdout(content),
            STDERR => Said::Stderr(content),
            STATUS => {
                let (code, message) = status(&content);
                ended = true;
                Said::Ended(code, message)
            }
            _ => continue,
        };
        if said.send(words).await.is_err() {
            return Ok(());
        }
    }
}

/// Exit code and message of a status document.
fn status(content: &[u8]) -> (i32, String) {
    let status: Value = serde_json::from_slice(content).unwrap_or_default();
    if status.get("status").and_then(Value::as_str) == Some("Success") {
        return (0, String::new());
    }
    let causes = status.pointer("/details/causes").and_then(Value::as_array).into_iter().flatten();
    let code = causes
        .filter(|c| c.get("reason").and_then(Value::as_str) == Some("ExitCode"))
        .find_map(|c| c.get("message").and_then(Value::as_str).and_then(|m| m.parse().ok()));
    let message = status.get("message").and_then(Value::as_str).unwrap_or("the command could not be run");
    (code.unwrap_or(-1), message.to_owned())
}

fn broken(error: &tungstenite::Error) -> Trouble {
    Trouble::Broken(chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_k33_the_end_is_read() {
        for (document, code, message) in [
            (r#"{"metadata":{},"status":"Success"}"#, 0, ""),
            (
                r#"{"status":"Failure","message":"command terminated with non-zero exit code","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"91"}]}}"#,
                91,
                "command terminated with non-zero exit code",
            ),
            (r#"{"status":"Failure","message":"no such container","reason":"InternalError"}"#, -1, "no such container"),
            ("garbage", -1, "the command could not be run"),
        ] {
            assert_eq!(status(document.as_bytes()), (code, message.to_owned()), "{document}");
        }
    }
}
