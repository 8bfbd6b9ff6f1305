//! Rules of triggers and their conditions; spec 11.

use super::cron;
use crate::catalog;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::suggestion;
use crate::type_name::canonical_type;
use crate::violation::{Violation, Violations};

const PACKAGE: &str = "io.kestra.plugin.core.condition.";
/// Names of conditions, without the ending `Condition` that most of them had once; spec 11.2.
const CONDITIONS: &[&str] = &[
    "DateTimeBetween",
    "DayWeek",
    "DayWeekInMonth",
    "ExecutionFlow",
    "ExecutionLabels",
    "ExecutionNamespace",
    "ExecutionOutputs",
    "ExecutionStatus",
    "Expression",
    "Flow",
    "FlowNamespace",
    "HasRetryAttempt",
    "Multiple",
    "Not",
    "Or",
    "PublicHoliday",
    "TimeBetween",
    "Variable",
    "Weekend",
];

pub(super) fn check(list: Option<&Node>, found: &mut Violations) {
    let at = Path::Root.key("triggers");
    for (index, item) in list.and_then(Node::as_seq).unwrap_or_default().iter().enumerate() {
        let path = at.index(index);
        let conditions = item.get("conditions").and_then(Node::as_seq).unwrap_or_default();
        known(item, &path, found);
        for list in ["conditions", "scheduleConditions"] {
            known_conditions(item.get(list), &path.key(list), found);
        }
        match item.get("type").and_then(Node::as_str).map(canonical_type) {
            Some("io.kestra.plugin.core.trigger.Webhook") => {
                if let Some(key) = item.get("key").filter(|key| key.as_str().is_some_and(|key| key.chars().count() > 256)) {
                    found.push(Violation::error(
                        "trigger::key_too_long",
                        &path.key("key"),
                        key.span,
                        "the key has more than 256 characters",
                    ));
                }
                for condition in conditions {
                    let multiple = condition.get("type").and_then(Node::as_str).is_some_and(|name| name.ends_with(".MultipleCondition"));
                    if multiple {
                        let message = "a webhook cannot have a MultipleCondition";
                        found.push(Violation::error("trigger::multiple_condition", &path.key("conditions"), condition.span, message));
                    }
                }
            }
            Some("io.kestra.plugin.core.trigger.Flow") => {
                let narrowed = ["preconditions", "dependsOn", "when"].iter().any(|name| item.get(name).is_some());
                if conditions.is_empty() && !narrowed {
                    let message = "a flow trigger without conditions reacts to every execution of every flow";
                    found.push(
                        Violation::warning("trigger::no_condition", &path, item.span, message)
                            .with_help("add `preconditions` with the flows to listen to"),
                    );
                }
            }
            Some("io.kestra.plugin.core.trigger.Schedule") => schedule(item, &path, found),
            _ => {}
        }
    }
}

/// A trigger of a plugin that is not there would never fire.
fn known(item: &Node, path: &Path<'_>, found: &mut Violations) {
    let Some(written) = item.get("type") else { return };
    let Some(name) = written.as_str().filter(|name| catalog::find(name).is_none_or(|spec| !is_trigger(spec.name))) else { return };
    let names: Vec<&str> = catalog::triggers().map(|spec| spec.name).collect();
    let own = ["io.kestra.plugin.core.", "io.kestra.plugin.scripts."].iter().any(|package| canonical_type(name).starts_with(package));
    let help = suggestion::nearest(canonical_type(name), names.iter().copied()).filter(|_| own).map_or_else(
        || {
            let core = catalog::trigger::TRIGGERS.iter().map(|spec| spec.name).collect::<Vec<_>>().join("`, `");
            format!(
                "triggers of plugins are not supported; the host has `{core}`, and `ScriptTrigger` and `CommandsTrigger` of five languages"
            )
        },
        |name| format!("did you mean `{name}`?"),
    );
    let message = format!("there is no trigger `{name}`");
    found.push(Violation::error("registry::unknown_type", &path.key("type"), written.span, message).with_help(help));
}

fn is_trigger(name: &str) -> bool {
    catalog::triggers().any(|spec| spec.name == name)
}

/// A list of conditions, or the named ones of a `MultipleCondition`.
pub(super) fn known_conditions(list: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    match list.map(|list| &list.value) {
        Some(Value::Seq(items)) => items.iter().enumerate().for_each(|(place, item)| known_condition(item, &path.index(place), found)),
        Some(Value::Map(map)) => map.iter().for_each(|(name, entry)| known_condition(&entry.value, &path.key(name), found)),
        _ => {}
    }
}

fn known_condition(condition: &Node, path: &Path<'_>, found: &mut Violations) {
    known_conditions(condition.get("conditions"), &path.key("conditions"), found);
    let Some(written) = condition.get("type") else { return };
    let Some(name) = written.as_str() else { return };
    let (package, last) = canonical_type(name).rsplit_once('.').unwrap_or_default();
    let plain = last.strip_suffix("Condition").unwrap_or(last);
    if PACKAGE.strip_suffix('.') == Some(package) && CONDITIONS.contains(&plain) {
        return;
    }
    let message = format!("there is no condition `{name}`");
    let help = match suggestion::nearest(plain, CONDITIONS.iter().copied()) {
        Some(near) => format!("did you mean `{PACKAGE}{near}`?"),
        None => format!("in {PACKAGE} there are {}", CONDITIONS.join(", ")),
    };
    found.push(Violation::error("registry::unknown_type", &path.key("type"), written.span, message).with_help(help));
}

fn schedule(item: &Node, path: &Path<'_>, found: &mut Violations) {
    if let Some(zone) = item.get("timezone")
        && let Some(name) = zone.as_str().filter(|name| !crate::dynamic::is_template(name) && !is_zone(name))
    {
        let message = format!("there is no time zone `{name}`");
        found.push(
            Violation::error("trigger::invalid_timezone", &path.key("timezone"), zone.span, message)
                .with_help("write a name such as `Europe/Paris`, or an offset such as `+02:00`"),
        );
    }
    let Some(node) = item.get("cron") else { return };
    let Some(text) = node.as_str().filter(|text| !crate::dynamic::is_template(text)) else { return };
    let with_seconds = item.get("withSeconds").and_then(Node::as_bool) == Some(true);
    if let Err(fault) = cron::check(text, with_seconds) {
        let violation = Violation::error("trigger::invalid_cron", &path.key("cron"), node.span, fault.message);
        found.push(violation.with_help(fault.help));
    }
}

/// Names of the zone database, and offsets as Java writes them.
fn is_zone(name: &str) -> bool {
    let offset = ["UTC", "GMT", "UT"].into_iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if offset.is_empty() || name == "Z" {
        return true;
    }
    let is_offset = offset.strip_prefix(['+', '-']).is_some_and(|rest| {
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        (1..=6).contains(&digits) && rest.chars().all(|c| c.is_ascii_digit() || c == ':')
    });
    is_offset || jiff::tz::TimeZone::get(name).is_ok()
}
