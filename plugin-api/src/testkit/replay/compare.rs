//! What a call says and answers now, beside what it said and answered then.

use serde_json::Value;

use super::{Options, host::Seen, text::Places};
use crate::{
    Event, Phase,
    recording::{Answer, Call, Entry},
};

/// Differences beyond these are counted only.
const MOST: usize = 8;

/// One line each. A run on a real system is compared in what does not differ each time.
pub(super) fn differences(call: &Call, now: &Seen, answer: &Answer, places: &Places, options: &Options) -> Vec<String> {
    let exact = !options.real || !matches!(call.method.as_str(), "run" | "attach" | "health");
    let then = Seen::of(call.said.iter().map(|line| &line.entry));
    let mut found = Vec::new();
    let compared = |part: &str| !options.ignore.iter().any(|ignored| ignored == part);
    if compared("answer") {
        answers(call, answer, places, exact, &mut found);
    }
    if compared("logs") {
        let skipped = call.said.iter().any(|line| matches!(line.entry, Entry::Skipped { .. }));
        for (name, at) in [("standard output", 0), ("standard error", 1)] {
            logs(name, &then.logs[at], &places.bytes(&now.logs[at]), skipped, &mut found);
        }
    }
    if compared("phases") {
        lists("phases", &phases(&then), &phases(now), &mut found);
    }
    if compared("checkpoints") {
        let shown = |checkpoint: &Value| places.value(checkpoint);
        let (then, now): (Vec<Value>, Vec<Value>) = (then.checkpoints.clone(), now.checkpoints.iter().map(shown).collect());
        if exact {
            lists("checkpoints", &then, &now, &mut found);
        } else {
            lists("shape of checkpoints", &shapes(&then), &shapes(&now), &mut found);
        }
    }
    if compared("events") {
        if exact {
            lists("events", &events(&then, |value| value), &events(now, |value| places.value(&value)), &mut found);
        } else {
            lists("metrics", &metrics(&then), &metrics(now), &mut found);
        }
    }
    if compared("services") && exact {
        let shown: Vec<_> = now.services.iter().map(|(service, payload)| (service.clone(), places.value(payload))).collect();
        lists("services asked", &services(&then.services), &services(&shown), &mut found);
    }
    if compared("outside") && exact {
        // How often it looked may differ.
        let once = |questions: &[Value]| {
            let mut seen: Vec<Value> = Vec::new();
            for question in questions {
                if !seen.contains(question) {
                    seen.push(question.clone());
                }
            }
            seen
        };
        lists("questions outside", &once(&then.outside), &once(&now.outside), &mut found);
    }
    if found.len() > MOST {
        let more = found.len() - MOST;
        found.truncate(MOST);
        found.push(format!("and {more} more differences"));
    }
    found
}

fn answers(call: &Call, now: &Answer, places: &Places, exact: bool, found: &mut Vec<String>) {
    let Some(then) = &call.result else {
        found.push(format!("answer: recorded none, since the host ended during the call; now {}", short(now)));
        return;
    };
    match (then, now) {
        (Answer::Ok(then), Answer::Ok(now)) if exact => values("answer", then, &places.value(now), found),
        (Answer::Ok(then), Answer::Ok(now)) => {
            for name in ["exitCode", "signal", "reason", "detached", "attached", "warning"] {
                let of = |answer: &Value| answer.get(name).or_else(|| answer.get("outcome")?.get(name)).cloned().unwrap_or_default();
                values(&format!("answer/{name}"), &of(then), &of(now), found);
            }
        }
        (Answer::Error(then), Answer::Error(now)) => {
            if (then.kind, &then.code) != (now.kind, &now.code) {
                found.push(format!("answer: recorded the error {} ({}), now {} ({})", then.code, then.message, now.code, now.message));
            } else if exact && then.message != places.text(&now.message) {
                found.push(format!("answer/message: recorded {:?}, now {:?}", then.message, places.text(&now.message)));
            }
        }
        _ => found.push(format!("answer: recorded {}, now {}", short(then), short(now))),
    }
}

/// An answer in a few words.
fn short(answer: &Answer) -> String {
    match answer {
        Answer::Error(error) => format!("the error {} ({})", error.code, error.message),
        Answer::Ok(value) => match value.get("exitCode") {
            Some(code) => format!("exit code {code}"),
            None => cut(&value.to_string()),
        },
    }
}

fn values(path: &str, then: &Value, now: &Value, found: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, then) in a {
                values(&format!("{path}/{name}"), then, b.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, now) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                values(&format!("{path}/{name}"), &Value::Null, now, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (then, now)) in a.iter().zip(b).enumerate() {
                values(&format!("{path}/{at}"), then, now, found);
            }
        }
        _ if then == now => {}
        _ => found.push(format!("{path}: recorded {}, now {}", cut(&then.to_string()), cut(&now.to_string()))),
    }
}

fn lists<T: PartialEq + std::fmt::Display>(what: &str, then: &[T], now: &[T], found: &mut Vec<String>) {
    let Some(at) = (0..then.len().max(now.len())).find(|at| then.get(*at) != now.get(*at)) else { return };
    let one = |list: &[T]| list.get(at).map_or_else(|| "none".to_owned(), |item| cut(&item.to_string()));
    let count = if then.len() == now.len() { String::new() } else { format!(" ({} recorded, {} now)", then.len(), now.len()) };
    found.push(format!("{what}: number {} was recorded as {}, is now {}{count}", at + 1, one(then), one(now)));
}

fn logs(name: &str, then: &[u8], now: &[u8], skipped: bool, found: &mut Vec<String>) {
    if then == now || skipped {
        // What was left out cannot be compared; what came after it neither, without knowing where it begins.
        return;
    }
    let (a, b): (Vec<&[u8]>, Vec<&[u8]>) = (then.split(|byte| *byte == b'\n').collect(), now.split(|byte| *byte == b'\n').collect());
    let at = (0..a.len().max(b.len())).find(|at| a.get(*at) != b.get(*at)).unwrap_or_default();
    let line =
        |lines: &[&[u8]]| lines.get(at).map_or_else(|| "none".to_owned(), |line| format!("{:?}", cut(&String::from_utf8_lossy(line))));
    let (a, b) = (line(&a), line(&b));
    found.push(format!("{name}: line {} was recorded as {a}, is now {b} ({} bytes recorded, {} now)", at + 1, then.len(), now.len()));
}

fn phases(seen: &Seen) -> Vec<&'static str> {
    let mut phases: Vec<&'static str> = seen.events.iter().filter_map(|event| phase(event).map(Phase::as_str)).collect();
    phases.dedup();
    phases
}

fn phase(event: &Event) -> Option<Phase> {
    match event {
        Event::Phase { phase } => Some(*phase),
        _ => None,
    }
}

/// Everything but phases, which are compared by themselves, and progress, which depends on speed.
fn events(seen: &Seen, change: impl Fn(Value) -> Value) -> Vec<Value> {
    let told = seen.events.iter().filter(|event| !matches!(event, Event::Phase { .. } | Event::Progress(_)));
    told.map(|event| change(serde_json::to_value(event).unwrap_or_default())).collect()
}

fn metrics(seen: &Seen) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::Metric(metric) => Some(metric.name.clone()),
        _ => None,
    };
    let mut names: Vec<String> = seen.events.iter().filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// Without how often lines were asked for, which depends on speed.
fn services(asked: &[(String, Value)]) -> Vec<String> {
    asked.iter().filter(|(service, _)| service != "plan_output").map(|(service, payload)| format!("{service}({payload})")).collect()
}

/// Names and types, without values.
fn shapes(values: &[Value]) -> Vec<Value> {
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(map.iter().map(|(name, value)| (name.clone(), shape(value))).collect()),
            Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
            Value::String(_) => "text".into(),
            Value::Number(_) => "number".into(),
            other => other.clone(),
        }
    }
    values.iter().map(shape).collect()
}

fn cut(text: &str) -> String {
    super::super::host::shorten(text)
}
