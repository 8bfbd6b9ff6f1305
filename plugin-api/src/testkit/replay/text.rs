//! The two working directories: the recorded one and the one of now.

use std::path::Path;

use serde_json::Value;

const MASK: &str = "******";

/// Turns paths of the one into paths of the other, and hides what was given in place of masks.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    recorded: String,
    now: String,
    secrets: Vec<String>,
}

impl Places {
    pub fn new(recorded: &str, now: &Path) -> Self {
        Self { recorded: recorded.to_owned(), now: now.display().to_string(), secrets: Vec::new() }
    }

    pub fn conceal(&mut self, value: &Value) {
        self.secrets.extend(value.as_str().filter(|text| !text.is_empty()).map(str::to_owned));
    }

    /// Recorded arguments for a call that is made now.
    pub fn move_here(&self, value: &mut Value) {
        if !self.recorded.is_empty() {
            each(value, &|text| text.replace(&self.recorded, &self.now));
        }
    }

    /// What was said now, as it would have been said then.
    pub fn text(&self, text: &str) -> String {
        let mut text = if self.now.is_empty() { text.to_owned() } else { text.replace(&self.now, &self.recorded) };
        for secret in &self.secrets {
            text = text.replace(secret, MASK);
        }
        text
    }

    pub fn value(&self, value: &Value) -> Value {
        let mut value = value.clone();
        each(&mut value, &|text| self.text(text));
        value
    }

    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }
}

fn each(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Object(map) => map.values_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}
