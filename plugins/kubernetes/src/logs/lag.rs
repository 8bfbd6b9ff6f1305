//! Whether a followed log falls behind. A server sends a log that is followed line by line, and one that is merely asked for in one go: some forty times as
//! fast. A command that writes much would be followed for minutes after its end, and nodes put away files that nobody has read in time.

use std::time::Duration;

use tokio::time::Instant;

/// How much later than usual a line may arrive.
const MOST: i64 = 1_000_000_000;
/// How long following goes on before catching up is tried again, when it could not be done.
const REST: Duration = Duration::from_secs(5);

/// How late lines arrive.
#[derive(Debug, Default)]
pub struct Lag {
    /// The least time between the writing of a line and its arrival, in nanoseconds. The clocks may differ, so this may be anything.
    least: Option<i64>,
    rests_until: Option<Instant>,
}

impl Lag {
    /// Takes notice of a line: true when it is high time to catch up. Both times are Unix times in nanoseconds.
    pub fn is_great(&mut self, written: i64, arrived: i64) -> bool {
        let late = arrived.saturating_sub(written);
        let least = self.least.map_or(late, |least| least.min(late));
        self.least = Some(least);
        late - least > MOST && self.rests_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Leaves it alone for a while.
    pub fn rest(&mut self) {
        self.rests_until = Some(Instant::now() + REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn kube_k14_what_falls_behind_is_noticed_whatever_the_clocks_say() {
        const SECOND: i64 = 1_000_000_000;
        for skew in [0, -3600 * SECOND, 3600 * SECOND] {
            let mut lag = Lag::default();
            // Lines that were written long ago are no sign by themselves, a growing distance is.
            for (written, arrived, great) in [(0, 5, false), (1, 5, false), (5, 9, false), (6, 11, false), (6, 12, true), (12, 15, false)] {
                assert_eq!(lag.is_great(written * SECOND, arrived * SECOND + skew), great, "{skew} {written} {arrived}");
            }
            lag.rest();
            assert!(!lag.is_great(12 * SECOND, 30 * SECOND + skew));
            tokio::time::advance(REST).await;
            assert!(lag.is_great(12 * SECOND, 30 * SECOND + skew));
        }
    }
}
