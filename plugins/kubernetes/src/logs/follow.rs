//! Reading the log of the task's container into the host.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use http_body_util::BodyExt as _;
use kube::client::Body;
use switchyard_plugin_api::{LogStream, prelude::*};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{Cursor, Piece, Position, cursor::GAP, lag::Lag};
use crate::{
    cluster::{ABSENCE, Call, Cluster, Trouble, chain, escape, jitter, quiet},
    pod::MAIN,
};

/// A silent stream is opened anew from time to time: a connection that is dead without a word looks the same.
const SILENCE: Duration = Duration::from_secs(300);
/// How long a stream that has ended may be ahead of the news that its container has.
const PROMPT: Duration = Duration::from_secs(3);

/// The log of one container.
pub struct Log<'a> {
    /// Where it runs.
    pub cluster: &'a Cluster,
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// The host.
    pub context: &'a Context,
    /// Where we are.
    pub position: &'a Mutex<Position>,
    /// Bytes behind the position that the host has already.
    pub known: u64,
    /// How long the end may be waited for once the container has ended.
    pub patience: Duration,
}

/// How reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With everything.
    Complete,
    /// The end may be missing.
    Incomplete(String),
}

/// How one stream ended.
enum Round {
    /// By itself.
    Closed,
    /// Without the end of the answer.
    Broken(String),
    /// The log cannot be had.
    Refused(Trouble),
    /// The node does not have it.
    Missing(String),
    /// All that was written has been read: it is to be followed from here.
    CaughtUp,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// What is there, and what comes.
    Follow,
    /// What is there.
    AsItIs,
    /// What is there, of a container that has ended.
    ToTheEnd,
}

impl Log<'_> {
    /// Reads to the end. `ended` turns true when the container has ended.
    pub async fn read(&self, mut ended: watch::Receiver<bool>) -> Ended {
        let start = *self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cursor = Cursor::new(start, self.known);
        let mut pause = Duration::from_millis(100);
        let mut trouble_since: Option<Instant> = None;
        let mut lag = Lag::default();
        // While the host was away much may have been written.
        let mut behind = start.time > 0;
        loop {
            let over = *ended.borrow();
            let how = match (over, behind) {
                (true, _) => How::ToTheEnd,
                (false, true) => How::AsItIs,
                (false, false) => How::Follow,
            };
            let before = cursor.position();
            match self.round(&mut cursor, how, &mut lag).await {
                // The container had ended before the question: that was all.
                Round::Closed if over => return Ended::Complete,
                Round::Closed if behind => {
                    behind = false;
                    trouble_since = None;
                }
                Round::CaughtUp => trouble_since = None,
                // That a stream has ended says nothing: the kubelet closes it when the container has ended, and an API server also when its own
                // connection to the kubelet breaks. What may be missing is read once the container is known to have ended.
                Round::Closed => {
                    trouble_since = None;
                    // A log that is closed again and again is not asked for more often than that.
                    let _ = timeout(PROMPT, ended.wait_for(|e| *e)).await;
                }
                Round::Missing(reason) if over => return Ended::Incomplete(reason),
                Round::Broken(reason) | Round::Missing(reason) => {
                    let since = *trouble_since.get_or_insert_with(Instant::now);
                    let patience = if over { self.patience } else { ABSENCE };
                    if since.elapsed() > patience {
                        return Ended::Incomplete(reason);
                    }
                    if cursor.position() != before {
                        trouble_since = None;
                        pause = Duration::from_millis(100);
                    }
                    tracing::debug!(pod = self.pod, reason, "the log broke off, opening it again");
                    self.wait(&mut ended, over, &mut pause).await;
                }
                Round::Refused(trouble) => match trouble.status() {
                    Some(404) => return Ended::Incomplete("the pod is gone".to_owned()),
                    Some(403) => return Ended::Incomplete(format!("not allowed to get pods/log: {trouble}")),
                    // A container that has not quite started yet, or whose log the kubelet has not found yet.
                    _ => {
                        let since = *trouble_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > if over { self.patience } else { ABSENCE } {
                            return Ended::Incomplete(trouble.to_string());
                        }
                        self.wait(&mut ended, over, &mut pause).await;
                    }
                },
            }
        }
    }

    async fn wait(&self, ended: &mut watch::Receiver<bool>, over: bool, pause: &mut Duration) {
        let rest = sleep(jitter(*pause));
        *pause = (*pause * 2).min(Duration::from_secs(5));
        if over {
            rest.await;
            return;
        }
        tokio::select! {
            () = rest => {}
            // Whoever never says it goes on at the end of the pause.
            _ = async { if ended.wait_for(|e| *e).await.is_err() { std::future::pending::<()>().await } } => {}
        }
    }

    async fn open(&self, cursor: &mut Cursor, how: How) -> Result<Body, Trouble> {
        let since = cursor.rewind();
        let mut rest = format!("/{}/log?container={MAIN}&timestamps=true", escape(self.pod));
        if how == How::Follow {
            rest.push_str("&follow=true");
        }
        if let Some(since) = since.and_then(|s| jiff::Timestamp::from_second(s).ok()) {
            rest.push_str(&format!("&sinceTime={}", escape(&since.to_string())));
        }
        let call = Call::pods("get", "pods/log", self.namespace, &rest, "reading the log");
        self.cluster.stream(&call).await
    }

    async fn round(&self, cursor: &mut Cursor, how: How, lag: &mut Lag) -> Round {
        let mut body = match self.open(cursor, how).await {
            Ok(body) => body,
            Err(Trouble::Broken(reason)) => return Round::Broken(reason),
            Err(refused) => return Round::Refused(refused),
        };
        let (mut pieces, mut remarks) = (Vec::new(), Vec::new());
        loop {
            let frame = match timeout(SILENCE, quiet(body.frame())).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Round::Broken(chain(&error)),
                Ok(None) => {
                    // A stream that ends is read again from its last line on: half a time is no remark.
                    if how == How::ToTheEnd {
                        cursor.finish(&mut pieces, &mut remarks);
                    }
                    let missing = missing(&mut remarks);
                    self.hand_over(cursor, &mut pieces, &mut remarks).await;
                    return missing.map_or(Round::Closed, Round::Missing);
                }
                Err(_) => return Round::Broken("the log was silent".to_owned()),
            };
            if let Ok(data) = frame.into_data() {
                cursor.feed(&data, &mut pieces, &mut remarks);
                if let Some(reason) = missing(&mut remarks) {
                    return Round::Missing(reason);
                }
                let newest = pieces.last().map(|piece| piece.time);
                self.hand_over(cursor, &mut pieces, &mut remarks).await;
                if how == How::Follow && newest.is_some_and(|written| lag.is_great(written, now())) {
                    if self.catch_up(cursor).await {
                        return Round::CaughtUp;
                    }
                    lag.rest();
                }
            }
        }
    }

    /// Reads what is there in one go, beside a stream that is late. False when that stream is the better one: it still has a file that the node has put
    /// away meanwhile.
    async fn catch_up(&self, cursor: &mut Cursor) -> bool {
        let mut ahead = cursor.clone();
        let Ok(mut body) = self.open(&mut ahead, How::AsItIs).await else { return false };
        let (mut pieces, mut remarks) = (Vec::new(), Vec::new());
        while let Ok(Some(Ok(frame))) = timeout(SILENCE, quiet(body.frame())).await {
            let Ok(data) = frame.into_data() else { continue };
            ahead.feed(&data, &mut pieces, &mut remarks);
            if remarks.iter().any(|remark| remark == GAP) || missing(&mut remarks).is_some() {
                // Nothing of it has been handed over: a gap shows before the first new line.
                return false;
            }
            self.hand_over(&ahead, &mut pieces, &mut remarks).await;
        }
        *cursor = ahead;
        true
    }

    async fn hand_over(&self, cursor: &Cursor, pieces: &mut Vec<Piece>, remarks: &mut Vec<String>) {
        for Piece { time, bytes } in pieces.drain(..) {
            self.context.write_log_at(LogStream::Stdout, time, &bytes).await;
        }
        // After the write: bytes that the host did not take are not counted.
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = cursor.position();
        for remark in remarks.drain(..) {
            self.context.message(Level::Warn, format!("the node says about the log: {remark}"));
        }
    }
}

/// What a kubelet says in the place of a log that it does not find, as if it were one.
fn missing(remarks: &mut Vec<String>) -> Option<String> {
    let at = remarks.iter().position(|remark| remark.starts_with("unable to retrieve container logs"))?;
    Some(remarks.remove(at))
}

/// Unix time in nanoseconds, by the host's clock.
fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
