//! Pulling images: one pull for everybody who wants the same image at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bollard::{Docker, errors::Error as EngineError, models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder};
use futures_util::StreamExt;
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

use crate::{
    auth::Auth,
    engine::{chain, status},
    reference::Reference,
};

/// A pull that makes no progress for this long has failed.
const STALLED: Duration = Duration::from_secs(300);

const ATTEMPTS: u32 = 5;

/// What to pull.
#[derive(Debug, Clone)]
pub struct Order {
    /// The image.
    pub image: Reference,
    /// Platform, or empty.
    pub platform: String,
    /// Credentials.
    pub auth: Option<Auth>,
}

/// How far a pull is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Bytes of layers that have arrived.
    pub done: u64,
    /// Bytes of layers that are known.
    pub total: u64,
    /// Digest that the registry named.
    pub digest: Option<String>,
    /// The end.
    pub result: Option<Result<(), Refusal>>,
}

/// Why a pull failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The registry's or engine's words.
    pub message: String,
    /// The same again fails again, for a while at least.
    pub permanent: bool,
    /// The registry does not have the image for us: the flow has to change.
    pub refused: bool,
}

/// Pulls under way at one engine.
#[derive(Debug, Default)]
pub struct Pulls(Mutex<HashMap<String, Weak<Pull>>>);

/// One pull; it ends when nobody waits for it any more.
#[derive(Debug)]
pub struct Pull {
    state: watch::Receiver<State>,
    task: AbortHandle,
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pulls {
    /// Joins the pull of this order, or starts it.
    pub fn join(&self, docker: &Docker, order: &Order) -> Arc<Pull> {
        let key = format!("{} {} {}", order.image, order.platform, order.auth.as_ref().map(Auth::header).unwrap_or_default());
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull) = pulls.get(&key).and_then(Weak::upgrade)
            && pull.state.borrow().result.is_none()
        {
            return pull;
        }
        pulls.retain(|_, pull| pull.strong_count() > 0);
        let (sender, state) = watch::channel(State::default());
        let task = tokio::spawn(run(docker.clone(), order.clone(), sender)).abort_handle();
        let pull = Arc::new(Pull { state, task });
        pulls.insert(key, Arc::downgrade(&pull));
        pull
    }
}

impl Pull {
    /// Waits for the end, telling about progress. Dropping it leaves the pull to others.
    pub async fn finish(self: Arc<Self>, mut report: impl FnMut(&State)) -> Result<State, Refusal> {
        let mut state = self.state.clone();
        loop {
            let seen = state.borrow_and_update().clone();
            match &seen.result {
                Some(Ok(())) => return Ok(seen),
                Some(Err(refusal)) => return Err(refusal.clone()),
                None => report(&seen),
            }
            if state.changed().await.is_err() {
                return Err(Refusal { message: "the pull broke off".to_owned(), permanent: false, refused: false });
            }
        }
    }
}

async fn run(docker: Docker, order: Order, sender: watch::Sender<State>) {
    let docker = match &order.auth {
        None => docker,
        Some(auth) => {
            // Set here because the client encodes with another alphabet than engines decode.
            let header = auth.header();
            docker.with_request_modifier(move |mut request| {
                if let Ok(value) = header.parse() {
                    request.headers_mut().insert("X-Registry-Auth", value);
                }
                request
            })
        }
    };
    let mut pause = Duration::from_secs(1);
    for attempt in 1.. {
        let refusal = match once(&docker, &order, &sender).await {
            Ok(()) => {
                sender.send_modify(|state| state.result = Some(Ok(())));
                return;
            }
            Err(refusal) => refusal,
        };
        if refusal.permanent || attempt == ATTEMPTS {
            sender.send_modify(|state| state.result = Some(Err(refusal)));
            return;
        }
        tracing::debug!(image = %order.image, attempt, reason = refusal.message, "pulling again");
        sleep(pause).await;
        pause *= 2;
    }
}

async fn once(docker: &Docker, order: &Order, sender: &watch::Sender<State>) -> Result<(), Refusal> {
    let options =
        CreateImageOptionsBuilder::new().from_image(order.image.repository()).tag(order.image.pull_tag()).platform(&order.platform).build();
    let mut stream = Box::pin(docker.create_image(Some(options), None, None));
    let mut layers: HashMap<String, (u64, u64)> = HashMap::new();
    loop {
        match timeout(STALLED, stream.next()).await {
            Err(_) => {
                let message = format!("no progress for {} s", STALLED.as_secs());
                return Err(Refusal { message, permanent: true, refused: false });
            }
            Ok(None) => return Ok(()),
            Ok(Some(Ok(info))) => progress(info, &mut layers, sender),
            Ok(Some(Err(error))) => return Err(refusal(&error)),
        }
    }
}

fn progress(info: CreateImageInfo, layers: &mut HashMap<String, (u64, u64)>, sender: &watch::Sender<State>) {
    let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    if let Some(digest) = info.status.as_deref().and_then(|s| s.strip_prefix("Digest: ")) {
        sender.send_modify(|state| state.digest = Some(digest.to_owned()));
    }
    let (Some(layer), Some("Downloading" | "Download complete"), detail) = (info.id, info.status.as_deref(), info.progress_detail) else {
        return;
    };
    let entry = layers.entry(layer).or_default();
    match detail.filter(|d| d.current.is_some()) {
        Some(detail) => *entry = (number(detail.current), number(detail.total)),
        None => entry.0 = entry.1,
    }
    let (done, total) = layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
    sender.send_modify(|state| (state.done, state.total) = (done, total));
}

/// Words of registries that do not have the image, or not for us.
const REFUSED: &[&str] = &[
    "denied",
    "manifest unknown",
    "name unknown",
    "not found",
    "unauthorized",
    "no basic auth credentials",
    "authentication required",
    "no matching manifest",
    "invalid reference",
    "unsupported",
];

/// Words of faults that outlast a few attempts, and that no change of the flow mends.
const LASTING: &[&str] = &["toomanyrequests", "no such host", "server gave http response to https client", "certificate", "no space left"];

fn refusal(error: &EngineError) -> Refusal {
    let (message, transient) = match error {
        EngineError::DockerResponseServerError { status_code, message } => (message.trim().to_owned(), *status_code >= 500),
        EngineError::DockerStreamError { error } => (error.clone(), false),
        // The connection broke.
        other => (chain(other), true),
    };
    let lower = message.to_ascii_lowercase();
    // An error inside the stream has no status: only what sounds like a network or the registry's own fault is tried again.
    let sounds_transient = ["500", "502", "503", "504", "timeout", "reset", "eof", "refused"].iter().any(|word| lower.contains(word));
    let lasting = LASTING.iter().any(|word| lower.contains(word));
    let refused = !lasting && (REFUSED.iter().any(|word| lower.contains(word)) || status(error) == Some(404));
    let permanent = lasting || refused || !(transient || sounds_transient);
    Refusal { message, permanent, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_d14_only_what_may_pass_is_tried_again() {
        let answer = |status_code, message: &str| EngineError::DockerResponseServerError { status_code, message: message.to_owned() };
        let stream = |error: &str| EngineError::DockerStreamError { error: error.to_owned() };
        for (error, permanent, refused) in [
            (answer(404, "pull access denied for x, repository does not exist"), true, true),
            (answer(404, "manifest for x:y not found: manifest unknown"), true, true),
            (answer(500, "unauthorized: authentication required"), true, true),
            (answer(500, "Get https://h/v2/: dial tcp: lookup h: no such host"), true, false),
            (answer(500, "received unexpected HTTP status: 502 Bad Gateway"), false, false),
            (answer(500, "dial tcp 10.0.0.1:443: connect: connection refused"), false, false),
            (stream("toomanyrequests: You have reached your pull rate limit"), true, false),
            (stream("unexpected EOF"), false, false),
            (stream("filesystem layer verification failed"), true, false),
            (EngineError::RequestTimeoutError, false, false),
        ] {
            let refusal = refusal(&error);
            assert_eq!((refusal.permanent, refusal.refused), (permanent, refused), "{error}");
        }
    }
}
