//! When and how often a failed task is tried again; spec 2.3.

use std::time::Duration;

use crate::fields::Fields;
use crate::node::Node;
use crate::path::Path;
use crate::violation::{Violation, Violations};

#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub policy: RetryPolicy,
    /// Counts the first try; `None` is without limit.
    pub max_attempts: Option<u64>,
    /// From the first attempt's start; no attempt is planned beyond.
    pub max_duration: Option<Duration>,
    pub warning_on_retry: bool,
    pub behavior: RetryBehavior,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RetryPolicy {
    Constant { interval: Duration },
    Exponential { interval: Duration, max_interval: Duration, factor: f64 },
    Random { min_interval: Duration, max_interval: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryBehavior {
    #[default]
    RetryFailedTask,
    CreateNewExecution,
}

impl RetryPolicy {
    /// The wait after `attempts` tries (from 1). `random` is in `[0, 1)` and only read by the random policy.
    pub fn delay(&self, attempts: u64, random: f64) -> Duration {
        match *self {
            Self::Constant { interval } => interval,
            Self::Exponential { interval, max_interval, factor } => {
                let power = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
                let seconds = interval.as_secs_f64() * factor.powi(power);
                Duration::try_from_secs_f64(seconds).map_or(max_interval, |delay| delay.min(max_interval))
            }
            Self::Random { min_interval, max_interval } => {
                min_interval + max_interval.saturating_sub(min_interval).mul_f64(random.clamp(0.0, 1.0))
            }
        }
    }
}

impl Retry {
    /// `None` when the fields that the type needs are not there.
    pub(crate) fn read(node: Option<&Node>) -> Option<Self> {
        let fields = Fields::new(node?);
        let interval = fields.duration(&["interval"]);
        let max_interval = fields.duration(&["maxInterval"]);
        let policy = match &*fields.text(&["type"])? {
            "constant" => RetryPolicy::Constant { interval: interval? },
            "exponential" => RetryPolicy::Exponential {
                interval: interval?,
                max_interval: max_interval?,
                factor: fields.float(&["delayFactor"]).unwrap_or(2.0),
            },
            "random" => RetryPolicy::Random { min_interval: fields.duration(&["minInterval"])?, max_interval: max_interval? },
            _ => return None,
        };
        Some(Self {
            policy,
            max_attempts: fields.count(&["maxAttempts", "maxAttempt"]),
            max_duration: fields.duration(&["maxDuration"]),
            warning_on_retry: fields.flag(&["warningOnRetry"]).unwrap_or(false),
            behavior: match fields.text(&["behavior"]).as_deref() {
                Some("CREATE_NEW_EXECUTION") => RetryBehavior::CreateNewExecution,
                _ => RetryBehavior::RetryFailedTask,
            },
        })
    }
}

/// The order of its durations; spec 1.3.
pub(crate) fn check_intervals(node: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    let Some(node) = node else { return };
    let fields = Fields::new(node);
    for (small, large) in [
        ("interval", "maxInterval"),
        ("minInterval", "maxInterval"),
        ("interval", "maxDuration"),
        ("minInterval", "maxDuration"),
        ("maxInterval", "maxDuration"),
    ] {
        let (Some(less), Some(more)) = (fields.duration(&[small]), fields.duration(&[large])) else {
            continue;
        };
        if less >= more {
            let print = crate::duration::print;
            let span = fields.node(&[small]).map_or(node.span, |value| value.span);
            let message = format!("`{small}` ({}) must be less than `{large}` ({})", print(less), print(more));
            found.push(
                Violation::error("retry::interval", &path.key(small), span, message)
                    .with_help(format!("lower `{small}` or raise `{large}`")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_2_3() {
        let second = Duration::from_secs(1);
        let constant = RetryPolicy::Constant { interval: second };
        let exponential = RetryPolicy::Exponential { interval: second, max_interval: second * 30, factor: 3.0 };
        let random = RetryPolicy::Random { min_interval: second, max_interval: second * 5 };
        for (policy, attempts, random, expected) in [
            (&constant, 1, 0.9, 1),
            (&constant, 9, 0.9, 1),
            (&exponential, 1, 0.0, 1),
            (&exponential, 2, 0.0, 3),
            (&exponential, 4, 0.0, 27),
            (&exponential, 5, 0.0, 30),
            (&exponential, u64::MAX, 0.0, 30),
            (&random, 1, 0.0, 1),
            (&random, 1, 0.5, 3),
        ] {
            assert_eq!(policy.delay(attempts, random), second * expected, "{policy:?} after {attempts}");
        }
    }
}
