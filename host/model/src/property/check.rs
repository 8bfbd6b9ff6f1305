//! Holds nodes against properties and says what does not fit.

use super::remedy::{Shape, remedy};
use super::{Kind, Property};
use crate::catalog;
use crate::duration;
use crate::dynamic::is_template;
use crate::flow::Strictness;
use crate::input::InputType;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::suggestion;
use crate::violation::{Violation, Violations};

pub(crate) struct Checker {
    pub(crate) strictness: Strictness,
    pub(crate) found: Violations,
}

impl Checker {
    pub(crate) fn new(strictness: Strictness) -> Self {
        Self { strictness, found: Violations::new() }
    }

    /// A map whose properties are in these tables; `owner` names it in messages. Without `closed`, others may be there too.
    pub(crate) fn object(&mut self, node: &Node, path: &Path<'_>, owner: &str, tables: &[&[Property]], closed: bool) {
        let Some(map) = node.as_map() else {
            self.mismatch(node, path, &format!("{owner} as a map"));
            return;
        };
        let properties = || tables.iter().flat_map(|table| table.iter());
        for (key, entry) in map.iter() {
            let at = path.key(key);
            let Some(property) = properties().find(|property| property.names().any(|name| name == &**key)) else {
                if closed && self.strictness == Strictness::Strict {
                    let message = format!("unknown property `{key}` of {owner}");
                    let mut violation = Violation::error("flow::unknown_property", &at, entry.key_span, message);
                    violation.help = suggestion::help(key, properties().map(|property| property.name));
                    self.found.push(violation);
                }
                continue;
            };
            self.notice(property, key, &at, entry.key_span);
            if !entry.value.is_null() {
                self.value(&entry.value, &at, property.kind, !property.literal);
            }
        }
        for property in properties().filter(|property| property.required) {
            if !property.names().any(|name| map.get(name).is_some_and(|value| !value.is_null())) {
                let message = format!("{owner} needs `{}`", property.name);
                let span = map.key_span(property.name).unwrap_or(node.span);
                self.found
                    .push(Violation::error("flow::missing_property", &path.key(property.name), span, message).with_help(property.doc));
            }
        }
    }

    fn notice(&mut self, property: &Property, written: &str, path: &Path<'_>, span: crate::source::Span) {
        if property.formerly.contains(&written) {
            let message = format!("`{written}` is now called `{}`", property.name);
            self.found.push(Violation::deprecation("flow::renamed_property", path, span, message));
        }
        if let Some(instead) = property.deprecated {
            let message = format!("`{written}` is deprecated");
            self.found.push(Violation::deprecation("flow::deprecated_property", path, span, message).with_help(instead));
        }
    }

    fn mismatch(&mut self, node: &Node, path: &Path<'_>, expected: &str) {
        let message = format!("expected {expected}, found {}", node.describe());
        let mut violation = Violation::error("flow::wrong_type", path, node.span, message);
        violation.help = remedy(Shape::of_node(node), expected).map(str::to_owned);
        self.found.push(violation);
    }

    pub(crate) fn value(&mut self, node: &Node, path: &Path<'_>, kind: Kind, dynamic: bool) {
        if dynamic && kind.may_be_rendered() && node.as_str().is_some_and(is_template) {
            return;
        }
        match kind {
            Kind::List(item) => match node.as_seq() {
                Some(items) => {
                    for (index, node) in items.iter().enumerate() {
                        self.value(node, &path.index(index), *item, dynamic);
                    }
                }
                None => self.mismatch(node, path, &kind.expected()),
            },
            Kind::MapOf(value) => match node.as_map() {
                Some(map) => {
                    for (key, entry) in map.iter().filter(|(_, entry)| !entry.value.is_null()) {
                        self.value(&entry.value, &path.key(key), *value, dynamic);
                    }
                }
                None => self.mismatch(node, path, &kind.expected()),
            },
            Kind::Object(properties) => {
                let owner = path.to_string();
                let owner = format!("`{}`", owner.rsplit('.').next().unwrap_or_default());
                self.object(node, path, &owner, &[properties], true);
            }
            Kind::OneOf(kinds) => self.one_of(node, path, kinds, dynamic),
            Kind::Choice(names) => self.choice(node, path, names),
            Kind::Duration => self.duration(node, path),
            Kind::Id(shape) => self.id(node, path, shape),
            Kind::Labels => self.labels(node, path),
            Kind::Retry => self.retry(node, path),
            Kind::Task => self.task(node, path),
            Kind::Trigger => self.trigger(node, path),
            Kind::Input => self.input(node, path),
            Kind::Component => {
                if node.get("type").and_then(Node::as_str).is_none() {
                    self.mismatch(node, path, "a map with a `type`");
                }
            }
            Kind::Any | Kind::Text | Kind::Flag | Kind::Count(_) | Kind::Number | Kind::Map => {
                if !kind.accepts_shape(node) {
                    self.mismatch(node, path, &kind.expected());
                }
            }
        }
    }

    /// The first alternative of the same shape is the one that was meant.
    fn one_of(&mut self, node: &Node, path: &Path<'_>, kinds: &[Kind], dynamic: bool) {
        match kinds.iter().find(|kind| kind.accepts_shape(node)) {
            Some(kind) => self.value(node, path, *kind, dynamic),
            None => {
                let expected: Vec<_> = kinds.iter().map(Kind::expected).collect();
                self.mismatch(node, path, &expected.join(" or "));
            }
        }
    }

    fn choice(&mut self, node: &Node, path: &Path<'_>, names: &[&'static str]) {
        let written = node.scalar_text();
        if written.as_deref().is_some_and(|written| names.contains(&written)) {
            return;
        }
        let message = format!("{} is none of the allowed values", node.describe());
        let mut violation = Violation::error("flow::not_allowed", path, node.span, message);
        violation.help = suggestion::help(written.as_deref().unwrap_or_default(), names.iter().copied());
        self.found.push(violation);
    }

    fn duration(&mut self, node: &Node, path: &Path<'_>) {
        match &node.value {
            Value::Number(seconds) if seconds.as_f64().is_some_and(|seconds| seconds >= 0.0) => {}
            Value::String(text) => {
                if let Err(error) = duration::parse(text) {
                    self.found.push(
                        Violation::error(error.code(), path, node.span, error.to_string())
                            .with_help("write it like `PT30S`, `PT1H30M` or `P1D`"),
                    );
                }
            }
            _ => self.mismatch(node, path, "a duration such as `PT30S`"),
        }
    }

    fn id(&mut self, node: &Node, path: &Path<'_>, shape: super::IdShape) {
        let Some(text) = node.scalar_text() else {
            self.mismatch(node, path, "a text");
            return;
        };
        let length = text.chars().count();
        let message = if length > shape.max_length() {
            format!("`{}…` has {length} characters, the limit is {}", text.chars().take(40).collect::<String>(), shape.max_length())
        } else if !shape.accepts(&text) {
            format!("`{text}` is no id")
        } else {
            return;
        };
        self.found
            .push(Violation::error("flow::invalid_id", path, node.span, message).with_help(format!("allowed are {}", shape.describe())));
    }

    fn labels(&mut self, node: &Node, path: &Path<'_>) {
        match &node.value {
            Value::Map(map) => {
                for (key, entry) in map.iter() {
                    if entry.value.scalar_text().is_none() {
                        self.mismatch(&entry.value, &path.key(key), "a text, number or boolean as the label's value");
                    }
                }
            }
            Value::Seq(_) => self.value(node, path, Kind::List(&Kind::Object(catalog::document::LABEL)), true),
            _ => self.mismatch(node, path, "labels as a map, or as a list of `{key, value}`"),
        }
    }

    fn retry(&mut self, node: &Node, path: &Path<'_>) {
        let own = match node.get("type").and_then(Node::as_str) {
            Some("constant") => catalog::document::RETRY_CONSTANT,
            Some("exponential") => catalog::document::RETRY_EXPONENTIAL,
            Some("random") => catalog::document::RETRY_RANDOM,
            // The complaint about the type comes from the common table; the fields cannot be judged without it.
            _ => return self.object(node, path, "a retry", &[catalog::document::RETRY], false),
        };
        self.object(node, path, "a retry", &[catalog::document::RETRY, own], true);
    }

    fn task(&mut self, node: &Node, path: &Path<'_>) {
        let spec = node.get("type").and_then(Node::as_str).and_then(catalog::find);
        let id = node.get("id").and_then(Node::as_str);
        let owner = match (id, spec) {
            (Some(id), Some(spec)) => format!("the task `{id}` ({})", spec.title),
            (Some(id), None) => format!("the task `{id}`"),
            (None, _) => "a task".to_owned(),
        };
        match spec {
            Some(spec) => {
                self.object(node, path, &owner, &[catalog::document::TASK, spec.properties], true);
                self.deprecated_type(node, path, spec);
            }
            None => self.object(node, path, &owner, &[catalog::document::TASK], false),
        }
    }

    fn deprecated_type(&mut self, node: &Node, path: &Path<'_>, spec: &catalog::TypeSpec) {
        let Some(instead) = spec.deprecated else { return };
        let span = node.get("type").map_or(node.span, |written| written.span);
        let at = path.key("type");
        if spec.removed {
            let message = format!("tasks of type {} cannot be run", spec.title);
            self.found.push(Violation::error("flow::removed_type", &at, span, message).with_help(instead));
        } else {
            let message = format!("the type {} is deprecated", spec.title);
            self.found.push(Violation::deprecation("flow::deprecated_type", &at, span, message).with_help(instead));
        }
    }

    fn trigger(&mut self, node: &Node, path: &Path<'_>) {
        let spec = node.get("type").and_then(Node::as_str).and_then(catalog::find);
        let owner = node.get("id").and_then(Node::as_str).map_or_else(|| "a trigger".to_owned(), |id| format!("the trigger `{id}`"));
        let own = spec.map_or(&[][..], |spec| spec.properties);
        self.object(node, path, &owner, &[catalog::document::TRIGGER, own], spec.is_some());
    }

    fn input(&mut self, node: &Node, path: &Path<'_>) {
        let kind = node.get("type").and_then(Node::as_str).and_then(InputType::from_name);
        let owner = node.get("id").and_then(Node::as_str).map_or_else(|| "an input".to_owned(), |id| format!("the input `{id}`"));
        let own = kind.map_or(&[][..], catalog::input::properties);
        self.object(node, path, &owner, &[catalog::input::COMMON, own], kind.is_some());
        if let Some(instead) = kind.and_then(catalog::input::replaced_by) {
            let written = node.get("type").map_or(node.span, |written| written.span);
            let message = format!("the input type is deprecated, use `{instead}`");
            self.found.push(Violation::deprecation("flow::deprecated_type", &path.key("type"), written, message));
        }
    }
}

impl Kind {
    fn may_be_rendered(&self) -> bool {
        !matches!(
            self,
            Kind::Task | Kind::Trigger | Kind::Input | Kind::Id(_) | Kind::Retry | Kind::List(Kind::Task | Kind::Input | Kind::Trigger)
        )
    }

    /// Whether a node could be meant as this kind, by its outer shape only.
    fn accepts_shape(&self, node: &Node) -> bool {
        let text = || node.scalar_text();
        match self {
            Kind::Any => true,
            Kind::Text | Kind::Choice(_) | Kind::Id(_) => text().is_some(),
            Kind::Flag => matches!(text().as_deref(), Some("true" | "false")),
            Kind::Count(minimum) => text().and_then(|text| text.parse::<u64>().ok()).is_some_and(|count| count >= *minimum),
            Kind::Number => text().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite),
            Kind::Duration => matches!(node.value, Value::String(_) | Value::Number(_)),
            Kind::List(_) => node.as_seq().is_some(),
            Kind::Labels => node.as_map().is_some() || node.as_seq().is_some(),
            Kind::Map | Kind::MapOf(_) | Kind::Object(_) | Kind::Retry | Kind::Task | Kind::Trigger | Kind::Input | Kind::Component => {
                node.as_map().is_some()
            }
            Kind::OneOf(kinds) => kinds.iter().any(|kind| kind.accepts_shape(node)),
        }
    }

    /// In the words of a message: "expected …".
    fn expected(&self) -> String {
        match self {
            Kind::Any => "a value".to_owned(),
            Kind::Text | Kind::Id(_) => "a text".to_owned(),
            Kind::Flag => "`true` or `false`".to_owned(),
            Kind::Count(0) => "a whole number".to_owned(),
            Kind::Count(minimum) => format!("a whole number from {minimum}"),
            Kind::Number => "a number".to_owned(),
            Kind::Duration => "a duration such as `PT30S`".to_owned(),
            Kind::Choice(names) => format!("one of {}", names.join(", ")),
            Kind::List(Kind::Task) => "a list of tasks".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Labels => "labels".to_owned(),
            Kind::Task => "a task as a map".to_owned(),
            Kind::OneOf(kinds) => kinds.iter().map(Kind::expected).collect::<Vec<_>>().join(" or "),
            Kind::Map | Kind::MapOf(_) | Kind::Object(_) | Kind::Retry | Kind::Trigger | Kind::Input | Kind::Component => {
                "a map".to_owned()
            }
        }
    }
}
