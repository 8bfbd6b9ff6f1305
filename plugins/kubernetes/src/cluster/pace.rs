//! How often the API is asked: evenly in the long run, in bursts for a short while, and not at all while it wants to be left alone.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// A limit of requests per second.
#[derive(Debug)]
pub struct Pace {
    /// Between two requests in the long run.
    interval: Duration,
    /// How far ahead of the long run a burst may be.
    ahead: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next request would be due at the long run's pace.
    due: Instant,
    /// Before this nothing is asked.
    held: Instant,
}

impl Pace {
    /// So many per second, in bursts up to the requests of two seconds.
    pub fn new(per_second: u64) -> Self {
        let interval = Duration::from_secs(1) / u32::try_from(per_second.clamp(1, 100_000)).unwrap_or(50);
        let now = Instant::now();
        Self { interval, ahead: Duration::from_secs(2), state: Mutex::new(State { due: now, held: now }) }
    }

    /// Waits for its turn.
    pub async fn turn(&self) {
        loop {
            let (wait_until, held) = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                if state.held > now {
                    (state.held, true)
                } else {
                    state.due = state.due.max(now) + self.interval;
                    (state.due.checked_sub(self.ahead).unwrap_or(now), false)
                }
            };
            sleep_until(wait_until).await;
            if !held {
                return;
            }
        }
    }

    /// Nobody asks for this long.
    pub fn hold(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held = state.held.max(Instant::now() + pause.min(Duration::from_secs(60)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn kube_k31_bursts_pass_and_the_long_run_is_even() {
        let pace = Pace::new(10);
        let started = Instant::now();
        for _ in 0..20 {
            pace.turn().await;
        }
        assert_eq!(started.elapsed().as_millis(), 0);
        for _ in 0..30 {
            pace.turn().await;
        }
        assert!((2900..=3100).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn kube_k31_a_server_that_wants_rest_gets_it() {
        let pace = Pace::new(1000);
        let started = Instant::now();
        pace.hold(Duration::from_secs(7));
        pace.turn().await;
        assert!(started.elapsed() >= Duration::from_secs(7));
    }
}
