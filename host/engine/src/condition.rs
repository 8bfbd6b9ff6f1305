//! Conditions of triggers and listeners; spec 11.2.

use jiff::{Timestamp, ZonedDateTime, civil, tz::TimeZone};
use serde_json::Value as Json;
use switchyard_expr::{Engine, Scope, is_truthy};
use switchyard_model::{Execution, Label, Node, State, canonical_type};
use switchyard_plugin_api::Error;

use crate::{
    holiday,
    task::{plain, unrendered},
};

/// What conditions look at.
pub struct Conditions<'a> {
    pub expr: &'a Engine,
    pub scope: &'a dyn Scope,
    /// The execution that ended; absent for a schedule.
    pub execution: Option<&'a Execution>,
    pub now: Timestamp,
}

impl Conditions<'_> {
    /// Whether all hold.
    pub fn all(&self, conditions: &[Node]) -> Result<bool, Error> {
        for condition in conditions {
            if !self.holds(condition)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one holds. A `MultipleCondition` needs memory: it is the listener's business and holds here.
    pub fn holds(&self, condition: &Node) -> Result<bool, Error> {
        let written = condition.get("type").and_then(Node::as_str).unwrap_or_default();
        let name = canonical_type(written).rsplit('.').next().unwrap_or_default();
        let name = name.strip_suffix("Condition").unwrap_or(name);
        let nested = || condition.get("conditions").and_then(Node::as_seq).unwrap_or_default();
        Ok(match (name, self.execution) {
            ("ExecutionFlow" | "Flow", Some(execution)) => {
                self.is(condition, "namespace", &execution.namespace)? && self.is(condition, "flowId", &execution.flow_id)?
            }
            ("ExecutionNamespace" | "FlowNamespace", Some(execution)) => {
                let wanted = self.text(condition, "namespace")?.unwrap_or_default();
                let prefix = self.text(condition, "prefix")?.is_some_and(|prefix| is_truthy(&prefix));
                match self.text(condition, "comparison")?.as_deref() {
                    Some("SUFFIX") => execution.namespace.ends_with(&*wanted),
                    Some("PREFIX") => execution.namespace.starts_with(&*wanted),
                    _ if prefix => execution.namespace.starts_with(&*wanted),
                    _ => *execution.namespace == *wanted,
                }
            }
            ("ExecutionStatus", Some(execution)) => among(condition, &[execution.state.current()]),
            ("HasRetryAttempt", Some(execution)) => {
                let tried = execution.task_run_list.iter().filter(|run| run.attempts.len() > 1);
                let states: Vec<State> = tried.flat_map(|run| run.attempts.iter().map(|attempt| attempt.state.current())).collect();
                !states.is_empty() && among(condition, &states)
            }
            ("ExecutionLabels", Some(execution)) => {
                let wanted = condition.get("labels").map(Node::to_json).unwrap_or_default();
                has_labels(execution, &labels(&wanted))
            }
            ("ExecutionOutputs" | "Expression" | "Variable", _) => {
                let expression = condition.get("expression").and_then(Node::as_str).unwrap_or_default();
                self.expr.render_condition(expression, self.scope).map_err(|error| unrendered(&error))?
            }
            ("Not", _) => {
                for condition in nested() {
                    if self.holds(condition)? {
                        return Ok(false);
                    }
                }
                true
            }
            ("Or", _) => {
                for condition in nested() {
                    if self.holds(condition)? {
                        return Ok(true);
                    }
                }
                false
            }
            ("Multiple", _) => true,
            ("DateTimeBetween", _) => {
                let date = self.date(condition)?.timestamp();
                let bound = |name: &str| self.text(condition, name)?.map(|text| parsed(&text, name)).transpose();
                bound("after")?.is_none_or(|after| date > after.timestamp())
                    && bound("before")?.is_none_or(|before| date < before.timestamp())
            }
            ("TimeBetween", _) => {
                let date = self.date(condition)?;
                let bound = |name: &str| self.text(condition, name)?.map(|text| time(&text, name, &date)).transpose();
                let (after, before) = (bound("after")?, bound("before")?);
                let (after, before) = (after.is_none_or(|after| date.time() > after), before.is_none_or(|before| date.time() < before));
                after && before
            }
            ("DayWeek", _) => weekday(&self.date(condition)?) == self.text(condition, "dayOfWeek")?.unwrap_or_default(),
            ("DayWeekInMonth", _) => {
                let date = self.date(condition)?;
                let place = (date.day() - 1) / 7 + 1;
                let last = date.day() + 7 > date.days_in_month();
                weekday(&date) == self.text(condition, "dayOfWeek")?.unwrap_or_default()
                    && match self.text(condition, "dayInMonth")?.as_deref() {
                        Some("FIRST") => place == 1,
                        Some("SECOND") => place == 2,
                        Some("THIRD") => place == 3,
                        Some("FOURTH") => place == 4,
                        Some("LAST") => last,
                        _ => false,
                    }
            }
            ("PublicHoliday", _) => {
                let country = self.text(condition, "country")?;
                let found = holiday::is_holiday(self.date(condition)?.date(), country.as_deref());
                found.map_err(|message| Error::user("flow::invalid_property", message).at("/country"))?
            }
            ("Weekend", _) => matches!(self.date(condition)?.weekday(), civil::Weekday::Saturday | civil::Weekday::Sunday),
            ("ExecutionFlow" | "ExecutionNamespace" | "ExecutionStatus" | "HasRetryAttempt" | "ExecutionLabels", None) => false,
            _ => {
                return Err(Error::user("flow::unknown_condition", format!("the condition type `{written}` is not known"))
                    .with_help("use `io.kestra.plugin.core.condition.Expression` with an expression"));
            }
        })
    }

    fn text(&self, condition: &Node, name: &str) -> Result<Option<String>, Error> {
        let Some(node) = condition.get(name).filter(|node| !node.is_null()) else { return Ok(None) };
        let text = plain(&node.to_json());
        self.expr.render(&text, self.scope).map(Some).map_err(|error| unrendered(&error))
    }

    fn is(&self, condition: &Node, name: &str, value: &str) -> Result<bool, Error> {
        Ok(self.text(condition, name)?.is_none_or(|wanted| wanted == value))
    }

    /// The date to look at: written, that of the trigger, or now.
    fn date(&self, condition: &Node) -> Result<ZonedDateTime, Error> {
        if let Some(text) = self.text(condition, "date")? {
            return parsed(&text, "date");
        }
        let of_trigger = self.expr.render("{{ trigger.date ?? '' }}", self.scope).unwrap_or_default();
        if of_trigger.is_empty() { Ok(self.now.to_zoned_datetime(TimeZone::system())) } else { parsed(&of_trigger, "date") }
    }
}

/// `in` and `notIn`.
fn among(condition: &Node, states: &[State]) -> bool {
    let names = |list: &str| -> Option<Vec<State>> {
        Some(condition.get(list)?.as_seq()?.iter().filter_map(|name| State::from_name(name.as_str()?)).collect())
    };
    names("in").is_none_or(|wanted| states.iter().any(|state| wanted.contains(state)))
        && names("notIn").is_none_or(|refused| !states.iter().any(|state| refused.contains(state)))
}

/// A map, or a list of `{key, value}`.
pub fn labels(value: &Json) -> Vec<Label> {
    match value {
        Json::Object(map) => map.iter().map(|(key, value)| Label::new(key.clone(), plain(value))).collect(),
        Json::Array(items) => items.iter().map(|item| Label::new(plain(&item["key"]), plain(&item["value"]))).collect(),
        _ => Vec::new(),
    }
}

pub fn has_labels(execution: &Execution, wanted: &[Label]) -> bool {
    wanted.iter().all(|label| execution.labels.contains(label))
}

fn weekday(date: &ZonedDateTime) -> &'static str {
    match date.weekday() {
        civil::Weekday::Monday => "MONDAY",
        civil::Weekday::Tuesday => "TUESDAY",
        civil::Weekday::Wednesday => "WEDNESDAY",
        civil::Weekday::Thursday => "THURSDAY",
        civil::Weekday::Friday => "FRIDAY",
        civil::Weekday::Saturday => "SATURDAY",
        civil::Weekday::Sunday => "SUNDAY",
    }
}

/// A date with an offset or a zone; without one it is UTC.
fn parsed(text: &str, name: &str) -> Result<ZonedDateTime, Error> {
    let text = text.trim();
    let offset = || {
        jiff::fmt::temporal::Pieces::parse(text).ok().and_then(|pieces| {
            let time = pieces.time().unwrap_or(civil::Time::midnight());
            let date = civil::DateTime::from_parts(pieces.date(), time);
            let zone = match pieces.to_numeric_offset() {
                Some(offset) => TimeZone::fixed(offset),
                None => pieces.to_time_zone().ok().flatten().unwrap_or(TimeZone::UTC),
            };
            date.to_zoned_datetime(zone).ok()
        })
    };
    offset().ok_or_else(|| {
        Error::user("flow::invalid_property", format!("`{name}` is `{text}`, which is no date and time"))
            .with_help("write for example 2026-01-31T08:00:00Z")
            .at(format!("/{name}"))
    })
}

/// A time of day with an optional offset, in the zone of `date`.
fn time(text: &str, name: &str, date: &ZonedDateTime) -> Result<civil::Time, Error> {
    let text = text.trim();
    if let Ok(time) = text.parse::<civil::Time>() {
        return Ok(time);
    }
    let whole = format!("{}T{text}", date.date());
    Ok(parsed(&whole, name)?.with_time_zone(date.time_zone().clone()).time())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_model::Span;

    use super::*;

    fn execution(state: State) -> Execution {
        let mut execution = Execution::new("e", "company.team", "etl", 1, Timestamp::UNIX_EPOCH);
        execution.state.push(state, Timestamp::UNIX_EPOCH);
        execution.labels.push(Label::new("env", "prod"));
        execution
    }

    #[test]
    fn every_condition_11_2() {
        let execution = execution(State::Failed);
        let scope = json!({ "trigger": { "date": "2026-01-31T10:30:00+01:00" }, "outputs": { "n": 3 } });
        let expr = Engine::default();
        let conditions = Conditions { expr: &expr, scope: &scope, execution: Some(&execution), now: Timestamp::UNIX_EPOCH };
        for (name, fields, expected) in [
            ("ExecutionFlow", json!({ "namespace": "company.team", "flowId": "etl" }), true),
            ("ExecutionFlow", json!({ "namespace": "company.team", "flowId": "other" }), false),
            ("ExecutionFlowCondition", json!({ "flowId": "etl" }), true),
            ("ExecutionNamespace", json!({ "namespace": "company" }), false),
            ("ExecutionNamespace", json!({ "namespace": "company", "prefix": true }), true),
            ("ExecutionNamespace", json!({ "namespace": "company", "comparison": "PREFIX" }), true),
            ("ExecutionNamespace", json!({ "namespace": ".team", "comparison": "SUFFIX" }), true),
            ("ExecutionStatus", json!({ "in": ["FAILED"] }), true),
            ("ExecutionStatus", json!({ "notIn": ["FAILED"] }), false),
            ("ExecutionStatusCondition", json!({ "in": ["SUCCESS", "WARNING"] }), false),
            ("ExecutionLabels", json!({ "labels": { "env": "prod" } }), true),
            ("ExecutionLabels", json!({ "labels": [{ "key": "env", "value": "dev" }] }), false),
            ("ExecutionOutputs", json!({ "expression": "{{ outputs.n > 2 }}" }), true),
            ("Expression", json!({ "expression": "{{ outputs.n > 9 }}" }), false),
            ("HasRetryAttempt", json!({ "in": ["FAILED"] }), false),
            ("Not", json!({ "conditions": [{ "type": "x.Weekend" }] }), false),
            ("Or", json!({ "conditions": [{ "type": "x.Expression", "expression": "" }, { "type": "x.Weekend" }] }), true),
            ("Weekend", json!({}), true),
            ("DayWeek", json!({ "dayOfWeek": "SATURDAY" }), true),
            ("DayWeek", json!({ "dayOfWeek": "MONDAY" }), false),
            ("DayWeekInMonth", json!({ "dayOfWeek": "SATURDAY", "dayInMonth": "LAST" }), true),
            ("DayWeekInMonth", json!({ "dayOfWeek": "SATURDAY", "dayInMonth": "FIRST" }), false),
            ("DayWeekInMonth", json!({ "date": "2026-02-02", "dayOfWeek": "MONDAY", "dayInMonth": "FIRST" }), true),
            ("DateTimeBetween", json!({ "after": "2026-01-31T09:00:00Z", "before": "2026-01-31T10:00:00Z" }), true),
            ("DateTimeBetween", json!({ "after": "2026-01-31T09:45:00Z" }), false),
            ("TimeBetween", json!({ "after": "10:00:00+01:00", "before": "11:00:00+01:00" }), true),
            ("TimeBetween", json!({ "after": "10:00:00Z" }), false),
        ] {
            let mut map = fields.as_object().unwrap().clone();
            map.insert("type".into(), json!(format!("io.kestra.plugin.core.condition.{name}")));
            let node = Node::from_json(&Json::Object(map), Span::default());
            assert_eq!(conditions.holds(&node).unwrap_or_else(|error| panic!("{name} {fields}: {error:?}")), expected, "{name} {fields}");
        }
    }
}
