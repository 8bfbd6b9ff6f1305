//! The states of executions and task runs, and the history of one of them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration;

/// Spec 8.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    Created,
    Submitted,
    Running,
    Paused,
    Restarted,
    Killing,
    Success,
    Warning,
    Failed,
    Killed,
    /// `execution.Exit` writes it with one L.
    #[serde(alias = "CANCELED")]
    Cancelled,
    Queued,
    Retrying,
    Retried,
    Skipped,
    Breakpoint,
    Resubmitted,
}

impl State {
    pub const ALL: [Self; 17] = [
        Self::Created,
        Self::Submitted,
        Self::Running,
        Self::Paused,
        Self::Restarted,
        Self::Killing,
        Self::Success,
        Self::Warning,
        Self::Failed,
        Self::Killed,
        Self::Cancelled,
        Self::Queued,
        Self::Retrying,
        Self::Retried,
        Self::Skipped,
        Self::Breakpoint,
        Self::Resubmitted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Submitted => "SUBMITTED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Restarted => "RESTARTED",
            Self::Killing => "KILLING",
            Self::Success => "SUCCESS",
            Self::Warning => "WARNING",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Cancelled => "CANCELLED",
            Self::Queued => "QUEUED",
            Self::Retrying => "RETRYING",
            Self::Retried => "RETRIED",
            Self::Skipped => "SKIPPED",
            Self::Breakpoint => "BREAKPOINT",
            Self::Resubmitted => "RESUBMITTED",
        }
    }

    /// Exact names only; `CANCELED` is accepted for `CANCELLED`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "CANCELED" { "CANCELLED" } else { name };
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Nothing follows on its own. A resubmitted attempt is over: another one took its place.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Success
                | Self::Warning
                | Self::Failed
                | Self::Killed
                | Self::Cancelled
                | Self::Retried
                | Self::Skipped
                | Self::Resubmitted
        )
    }

    /// Work may start from here as from a new one.
    pub fn is_created(self) -> bool {
        matches!(self, Self::Created | Self::Restarted)
    }

    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Killing)
    }

    pub fn is_paused(self) -> bool {
        matches!(self, Self::Paused | Self::Breakpoint)
    }

    pub fn is_failed(self) -> bool {
        self == Self::Failed
    }

    /// The flow goes on after a task run that ended so.
    pub fn is_passed(self) -> bool {
        matches!(self, Self::Success | Self::Warning | Self::Skipped)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    pub state: State,
    pub date: Timestamp,
}

/// All states something went through; the last one is the current one, and there is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateHistory {
    first: StateChange,
    later: Vec<StateChange>,
}

impl StateHistory {
    pub fn new(state: State, date: Timestamp) -> Self {
        Self { first: StateChange { state, date }, later: Vec::new() }
    }

    pub fn push(&mut self, state: State, date: Timestamp) {
        self.later.push(StateChange { state, date });
    }

    #[must_use]
    pub fn with(mut self, state: State, date: Timestamp) -> Self {
        self.push(state, date);
        self
    }

    fn last(&self) -> StateChange {
        self.later.last().copied().unwrap_or(self.first)
    }

    pub fn current(&self) -> State {
        self.last().state
    }

    pub fn histories(&self) -> impl Iterator<Item = &StateChange> {
        std::iter::once(&self.first).chain(&self.later)
    }

    pub fn start_date(&self) -> Timestamp {
        self.first.date
    }

    /// Only when the current state is terminal.
    pub fn end_date(&self) -> Option<Timestamp> {
        let last = self.last();
        last.state.is_terminal().then_some(last.date)
    }

    /// From start to end; `None` before the end. Zero when the clock went backwards.
    pub fn duration(&self) -> Option<Duration> {
        self.end_date().map(|end| self.duration_until(end))
    }

    /// From the start to `now`, or to the end when that has come.
    pub fn duration_until(&self, now: Timestamp) -> Duration {
        let end = self.end_date().unwrap_or(now);
        Duration::try_from(end.duration_since(self.start_date())).unwrap_or_default()
    }
}

impl Serialize for StateHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let histories: Vec<&StateChange> = self.histories().collect();
        let mut state = serializer.serialize_struct("StateHistory", 5)?;
        state.serialize_field("current", &self.current())?;
        state.serialize_field("histories", &histories)?;
        match self.duration() {
            Some(duration) => state.serialize_field("duration", &duration::print(duration))?,
            None => state.skip_field("duration")?,
        }
        state.serialize_field("startDate", &self.start_date())?;
        match self.end_date() {
            Some(end) => state.serialize_field("endDate", &end)?,
            None => state.skip_field("endDate")?,
        }
        state.end()
    }
}

impl<'de> Deserialize<'de> for StateHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            histories: Vec<StateChange>,
        }
        let mut histories = Written::deserialize(deserializer)?.histories.into_iter();
        let first = histories.next().ok_or_else(|| serde::de::Error::custom("a state needs at least one entry in `histories`"))?;
        Ok(Self { first, later: histories.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + second * 100).unwrap()
    }

    #[test]
    fn every_state_has_one_name_8_1() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(serde_json::from_value::<State>(state.name().into()).unwrap(), state);
        }
        assert_eq!(State::from_name("CANCELED"), Some(State::Cancelled));
        assert_eq!(State::from_name("success"), None);
        let terminal: Vec<_> = State::ALL.into_iter().filter(|state| state.is_terminal()).map(State::name).collect();
        assert_eq!(terminal, ["SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED", "RESUBMITTED"]);
    }

    #[test]
    fn json_of_a_finished_and_of_a_running_state_8_1() {
        let running = StateHistory::new(State::Created, at(0)).with(State::Running, at(1));
        let done = running.clone().with(State::Success, at(12));
        insta::assert_json_snapshot!(done, @r#"
        {
          "current": "SUCCESS",
          "histories": [
            {
              "state": "CREATED",
              "date": "2023-11-14T22:13:20Z"
            },
            {
              "state": "RUNNING",
              "date": "2023-11-14T22:13:20.1Z"
            },
            {
              "state": "SUCCESS",
              "date": "2023-11-14T22:13:21.2Z"
            }
          ],
          "duration": "PT1.2S",
          "startDate": "2023-11-14T22:13:20Z",
          "endDate": "2023-11-14T22:13:21.2Z"
        }
        "#);
        insta::assert_json_snapshot!(running, @r#"
        {
          "current": "RUNNING",
          "histories": [
            {
              "state": "CREATED",
              "date": "2023-11-14T22:13:20Z"
            },
            {
              "state": "RUNNING",
              "date": "2023-11-14T22:13:20.1Z"
            }
          ],
          "startDate": "2023-11-14T22:13:20Z"
        }
        "#);
        for history in [running, done] {
            let text = serde_json::to_string(&history).unwrap();
            assert_eq!(serde_json::from_str::<StateHistory>(&text).unwrap(), history);
        }
        assert!(serde_json::from_str::<StateHistory>(r#"{"current":"CREATED","histories":[]}"#).is_err());
    }
}
