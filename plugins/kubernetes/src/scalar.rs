//! Property values that may be written in more than one way: rendered templates are text.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use switchyard_plugin_api::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// `true`, `false`, or their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(value) => Ok(Self(value)),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Self(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Self(false)),
            other => Err(D::Error::custom(format!("{other} is neither true nor false"))),
        }
    }
}

impl JsonSchema for Flag {
    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }
}

/// Text, or a number or truth value that stands for it: labels, node selectors and quantities are always text in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::Bool(flag) => Ok(Self(flag.to_string())),
            other => Err(D::Error::custom(format!("{other} is not text"))),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// Names and texts.
pub type Texts = BTreeMap<String, Text>;

/// A whole number, or its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| D::Error::custom(format!("{value} is not a whole number")))
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0 })
    }
}

/// When to pull the image: the words of flows and those of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// When the node does not have it.
    IfNotPresent,
    /// Never.
    Never,
}

impl PullPolicy {
    /// As pods have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl<'de> Deserialize<'de> for PullPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().to_ascii_lowercase().replace(['_', '-'], "").as_str() {
            "always" => Ok(Self::Always),
            "ifnotpresent" => Ok(Self::IfNotPresent),
            "never" => Ok(Self::Never),
            _ => Err(D::Error::custom(format!("{text:?} is not a pull policy; write ALWAYS, IF_NOT_PRESENT or NEVER"))),
        }
    }
}

impl JsonSchema for PullPolicy {
    fn schema_name() -> Cow<'static, str> {
        "PullPolicy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["ALWAYS", "IF_NOT_PRESENT", "NEVER", "Always", "IfNotPresent", "Never"] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_may_be_text() {
        for (value, policy) in [
            (json!("ALWAYS"), Some(PullPolicy::Always)),
            (json!("Always"), Some(PullPolicy::Always)),
            (json!("IF_NOT_PRESENT"), Some(PullPolicy::IfNotPresent)),
            (json!("IfNotPresent"), Some(PullPolicy::IfNotPresent)),
            (json!("never"), Some(PullPolicy::Never)),
            (json!("sometimes"), None),
        ] {
            assert_eq!(serde_json::from_value::<PullPolicy>(value.clone()).ok(), policy, "{value}");
        }
        for (value, text) in [(json!(1), "1"), (json!(0.5), "0.5"), (json!(true), "true"), (json!("500m"), "500m")] {
            assert_eq!(serde_json::from_value::<Text>(value.clone()).unwrap().0, text, "{value}");
        }
    }
}
