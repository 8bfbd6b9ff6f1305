//! Where printed pieces go: one text, or one value that keeps its type.

use serde_json::Value;

use crate::error::{Fault, Outcome};
use crate::print;
use crate::val::Val;

pub(crate) struct Sink<'a> {
    text: String,
    typed: bool,
    value: Option<Val<'a>>,
}

impl<'a> Sink<'a> {
    pub(crate) fn text(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), typed: false, value: None }
    }

    pub(crate) fn typed() -> Self {
        Self { text: String::new(), typed: true, value: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.settle();
        self.text.push_str(text);
    }

    pub(crate) fn push(&mut self, value: Val<'a>) -> Outcome<()> {
        if !self.typed {
            print::print(&value, &mut self.text);
            return Ok(());
        }
        let Some(held) = &self.value else {
            if self.text.is_empty() {
                self.value = Some(value);
            } else {
                print::print(&value, &mut self.text);
            }
            return Ok(());
        };
        let joins = |value: &Val<'_>| value.is_null() || value.as_str().is_some();
        if !joins(held) && !joins(&value) {
            return Err(Fault::kind(format!("{} cannot be added to {} without text between them", value.kind(), held.kind()))
                .help("print one value only, or make text of them with `~`"));
        }
        self.settle();
        print::print(&value, &mut self.text);
        Ok(())
    }

    fn settle(&mut self) {
        if let Some(value) = self.value.take() {
            print::print(&value, &mut self.text);
        }
    }

    pub(crate) fn into_text(mut self) -> String {
        self.settle();
        self.text
    }

    pub(crate) fn into_json(self) -> Value {
        match self.value {
            Some(Val::Text(text)) => Value::String(std::sync::Arc::unwrap_or_clone(text)),
            Some(value) => value.to_json(),
            None => Value::String(self.text),
        }
    }
}
