//! Property values that may be written in more than one way: a rendered template is always text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

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

/// Text, or a number or truth value that stands for it: `user: 1000`, `labels: {retries: 3}`.
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

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            value => vec![value],
        };
        values
            .into_iter()
            // An owned value has no borrowed text, so its own deserializer serves every lifetime.
            .map(|value| T::deserialize(value).map_err(D::Error::custom))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// When to pull an image: the words of flows and those of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// When it is not there.
    IfNotPresent,
    /// Never: it must be there.
    Never,
}

impl PullPolicy {
    /// The word of flows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "ALWAYS",
            Self::IfNotPresent => "IF_NOT_PRESENT",
            Self::Never => "NEVER",
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
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn values_may_be_text() {
        for (value, flag) in [(json!(true), Some(true)), (json!("False"), Some(false)), (json!("yes"), None), (json!(1), None)] {
            assert_eq!(from_value::<Flag>(value.clone()).ok().map(|f| f.0), flag, "{value}");
        }
        for (value, text) in [
            (json!(1), Some("1")),
            (json!(0.5), Some("0.5")),
            (json!(true), Some("true")),
            (json!("500m"), Some("500m")),
            (json!([]), None),
            (Value::Null, None),
        ] {
            assert_eq!(from_value::<Text>(value.clone()).ok().map(|t| t.0).as_deref(), text, "{value}");
        }
    }

    #[test]
    fn pull_policies_in_the_words_of_flows_and_of_kubernetes() {
        use PullPolicy::{Always, IfNotPresent, Never};
        for (value, policies) in [
            (json!("ALWAYS"), Some(vec![Always])),
            (json!("Always"), Some(vec![Always])),
            (json!("IF_NOT_PRESENT"), Some(vec![IfNotPresent])),
            (json!("IfNotPresent"), Some(vec![IfNotPresent])),
            (json!("never"), Some(vec![Never])),
            (json!(["ALWAYS", "NEVER"]), Some(vec![Always, Never])),
            (json!("sometimes"), None),
        ] {
            assert_eq!(from_value::<OneOrMany<PullPolicy>>(value.clone()).ok().map(|p| p.0), policies, "{value}");
        }
    }
}
