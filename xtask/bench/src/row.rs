use std::fmt;

use crate::{error::Result, stage::Stage};

/// One line of the table: what is measured against what, and how far apart they may be.
pub struct Row {
    pub id: &'static str,
    pub what: &'static str,
    pub against: &'static str,
    pub budget: Budget,
    pub prepare: fn(&Stage) -> Result<Contest>,
}

/// Two programs that do the same work, ours first.
pub struct Contest {
    pub ours: Contestant,
    pub peer: Contestant,
}

/// A program, and one run of it. The run returns its figure: seconds, or whatever the budget is about.
pub struct Contestant {
    pub name: String,
    pub version: String,
    pub run: Box<dyn Fn() -> Result<f64>>,
}

impl Contestant {
    pub fn new(name: impl Into<String>, version: impl Into<String>, run: impl Fn() -> Result<f64> + 'static) -> Self {
        Self { name: name.into(), version: version.into(), run: Box::new(run) }
    }
}

/// What the median over the rounds must keep to. Each round gives one figure from ours and the peer's.
#[derive(Clone, Copy)]
pub enum Budget {
    /// Our time divided by the peer's.
    TimeAtMost(f64),
    /// Our rate divided by the peer's, from the times for the same work.
    RateAtLeast(f64),
    /// Our time minus the peer's, in milliseconds.
    MillisecondsMore(f64),
    /// Ours alone, in megabytes; the peer's figure is printed for scale.
    Megabytes(f64),
    /// How often we do it in a second, from our seconds for one; the peer's figure is printed for scale.
    PerSecondAtLeast(f64),
}

impl Budget {
    pub fn figure(self, ours: f64, peer: f64) -> f64 {
        match self {
            Self::TimeAtMost(_) => ours / peer,
            Self::RateAtLeast(_) => peer / ours,
            Self::MillisecondsMore(_) => (ours - peer) * 1e3,
            Self::Megabytes(_) => ours,
            Self::PerSecondAtLeast(_) => 1.0 / ours,
        }
    }

    pub fn keeps(self, figure: f64) -> bool {
        match self {
            Self::TimeAtMost(limit) | Self::MillisecondsMore(limit) | Self::Megabytes(limit) => figure <= limit,
            Self::RateAtLeast(limit) | Self::PerSecondAtLeast(limit) => figure >= limit,
        }
    }

    pub fn show(self, figure: f64) -> String {
        match self {
            Self::TimeAtMost(_) => format!("{figure:.2} x its time"),
            Self::RateAtLeast(_) => format!("{figure:.2} x its rate"),
            Self::MillisecondsMore(_) => format!("{figure:+.1} ms"),
            Self::Megabytes(_) => format!("{figure:.1} MB"),
            Self::PerSecondAtLeast(_) => format!("{figure:.0} per second"),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeAtMost(limit) => write!(formatter, "<= {limit} x its time"),
            Self::RateAtLeast(limit) => write!(formatter, ">= {limit} x its rate"),
            Self::MillisecondsMore(limit) => write!(formatter, "<= +{limit} ms"),
            Self::Megabytes(limit) => write!(formatter, "<= {limit} MB"),
            Self::PerSecondAtLeast(limit) => write!(formatter, ">= {limit} per second"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn figures_and_limits() {
        let table = [
            (Budget::TimeAtMost(1.2), 3.0, 2.0, "1.50 x its time", false),
            (Budget::TimeAtMost(1.5), 3.0, 2.0, "1.50 x its time", true),
            (Budget::RateAtLeast(0.9), 2.0, 1.0, "0.50 x its rate", false),
            (Budget::RateAtLeast(0.9), 1.0, 2.0, "2.00 x its rate", true),
            (Budget::MillisecondsMore(15.0), 0.020, 0.001, "+19.0 ms", false),
            (Budget::MillisecondsMore(15.0), 0.001, 0.002, "-1.0 ms", true),
            (Budget::Megabytes(40.0), 41.0, 2.0, "41.0 MB", false),
            (Budget::PerSecondAtLeast(3000.0), 0.00025, 0.0002, "4000 per second", true),
        ];
        for (budget, ours, peer, shown, kept) in table {
            let figure = budget.figure(ours, peer);
            assert_eq!((budget.show(figure).as_str(), budget.keeps(figure)), (shown, kept), "{budget}");
        }
    }
}
