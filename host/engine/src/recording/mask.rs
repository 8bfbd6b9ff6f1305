//! Secrets out of what crossed the boundary.

use serde_json::{Map, Value as Json};
use switchyard_plugin_api::{
    Error, Event,
    recording::{Answer, Entry},
};
use switchyard_store::masking::{MASK, Masker};

/// Masks every text of a document, names too, and numbers that are secrets; answers how many it changed.
pub fn conceal(value: &mut Json, masker: &Masker) -> u64 {
    match value {
        _ if masker.is_empty() => 0,
        Json::String(text) => conceal_text(text, masker),
        Json::Array(items) => items.iter_mut().map(|item| conceal(item, masker)).sum(),
        Json::Object(map) => conceal_map(map, masker),
        Json::Number(number) if masker.text(&number.to_string()) == MASK => {
            *value = Json::from(MASK);
            1
        }
        _ => 0,
    }
}

fn conceal_map(map: &mut Map<String, Json>, masker: &Masker) -> u64 {
    let entries = std::mem::take(map);
    let mut changed = 0;
    map.extend(entries.into_iter().map(|(mut name, mut item)| {
        changed += conceal_text(&mut name, masker) + conceal(&mut item, masker);
        (name, item)
    }));
    changed
}

fn conceal_text(text: &mut String, masker: &Masker) -> u64 {
    match masker.text(text) {
        std::borrow::Cow::Borrowed(_) => 0,
        std::borrow::Cow::Owned(masked) => {
            *text = masked;
            1
        }
    }
}

/// Masks an entry; log bytes are not for this, since a secret may come in pieces.
pub(super) fn conceal_entry(entry: &mut Entry, masker: &Masker) -> u64 {
    match entry {
        Entry::Call { payload, .. } | Entry::Service { payload, .. } => conceal(payload, masker),
        Entry::Reply { result, .. } | Entry::Answer { result, .. } => conceal_answer(result, masker),
        Entry::Outside { question, result, .. } => conceal(question, masker) + conceal_answer(result, masker),
        Entry::Event { event, .. } => match event {
            Event::Message { message, .. } => conceal_text(message, masker),
            Event::Details { details } => conceal_map(details, masker),
            Event::Progress(progress) => conceal_text(&mut progress.message, masker),
            Event::Metric(metric) => {
                let tags = metric.tags.values_mut().map(|tag| conceal_text(tag, masker)).sum::<u64>();
                tags + conceal_text(&mut metric.name, masker)
            }
            Event::Phase { .. } => 0,
        },
        Entry::File { path, content, .. } => {
            let mut changed = conceal_text(path, masker);
            if let Some(content) = content
                && let std::borrow::Cow::Owned(masked) = masker.bytes(&content.0)
            {
                content.0 = masked;
                changed += 1;
            }
            changed
        }
        _ => 0,
    }
}

fn conceal_answer(answer: &mut Answer, masker: &Masker) -> u64 {
    match answer {
        Answer::Ok(value) => conceal(value, masker),
        Answer::Error(Error { message, help, property, backtrace, .. }) => {
            let mut changed = conceal_text(message, masker);
            changed += [help, property].into_iter().flatten().map(|text| conceal_text(text, masker)).sum::<u64>();
            if let Some(text) = backtrace {
                *text = masker.text(text).into_owned().into_boxed_str();
            }
            changed
        }
    }
}
