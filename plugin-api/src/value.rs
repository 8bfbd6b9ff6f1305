//! Property values that need more than serde: durations, sizes; and the way from JSON to a properties struct.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

use crate::Error;

/// JSON Schema (2020-12) of a properties struct, with everything inlined: readers need no `$ref` handling.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Decodes properties; the error names the component.
pub(crate) fn decode<T: DeserializeOwned>(type_name: &str, properties: &Value) -> Result<T, Error> {
    // `type` selects the component and is not one of its properties.
    let without_type;
    let properties = match properties {
        Value::Object(map) if map.contains_key("type") => {
            let mut map = map.clone();
            map.shift_remove("type");
            without_type = Value::Object(map);
            &without_type
        }
        Value::Null => {
            without_type = Value::Object(Default::default());
            &without_type
        }
        map @ Value::Object(_) => map,
        // Serde would read a list as the values of the fields in their order.
        other => {
            let message = format!("{type_name}: expected a map of properties, found {other}");
            return Err(Error::user("flow::invalid_property", message));
        }
    };
    T::deserialize(properties).map_err(|e| Error::user("flow::invalid_property", format!("{type_name}: {e}")))
}

/// A duration property in ISO-8601 form (`PT30S`, `PT5M`, `P1D`); a plain number means seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IsoDuration(pub Duration);

impl IsoDuration {
    /// Parses `P[nD][T[nH][nM][n[.n]S]]`.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix(['P', 'p'])?;
        let (date, time) = match rest.split_once(['T', 't']) {
            Some((_, "")) => return None,
            Some((date, time)) => (date, time),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return None;
        }
        let mut seconds = 0.0;
        for (part, units) in [(date, &[('W', 604_800.0), ('D', 86_400.0)][..]), (time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)][..])] {
            let mut number = String::new();
            for c in part.chars() {
                if c.is_ascii_digit() || c == '.' {
                    number.push(c);
                } else {
                    let factor = units.iter().find(|(unit, _)| *unit == c.to_ascii_uppercase())?.1;
                    seconds += std::mem::take(&mut number).parse::<f64>().ok()? * factor;
                }
            }
            if !number.is_empty() {
                return None;
            }
        }
        Duration::try_from_secs_f64(seconds).ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for IsoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let parsed = match &value {
            Value::String(text) => Self::parse(text),
            Value::Number(n) => n.as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok()).map(Self),
            _ => None,
        };
        parsed
            .ok_or_else(|| serde::de::Error::custom(format!("{value} is not a duration; write it as ISO-8601, for example PT30S or PT5M")))
    }
}

impl Serialize for IsoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("PT{}S", self.0.as_secs_f64()))
    }
}

impl JsonSchema for IsoDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "format": "duration", "examples": ["PT30S", "PT5M"] })
    }
}

/// A size property: bytes, or a number with a unit. `K`, `KB`, `Ki`, `KiB` (and M, G, T) all are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Parses `512Mi`, `512MB`, `0.5 GB`, `1048576`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let power = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "ki" | "kib" => 1,
            "m" | "mb" | "mi" | "mib" => 2,
            "g" | "gb" | "gi" | "gib" => 3,
            "t" | "tb" | "ti" | "tib" => 4,
            _ => return None,
        };
        let factor = 1024_u64.pow(power);
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self);
        }
        let bytes = number.parse::<f64>().ok()? * factor as f64;
        (bytes.is_finite() && bytes < 9.0e18).then_some(Self(bytes as u64))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let parsed = match &value {
            Value::String(text) => Self::parse(text),
            Value::Number(n) => n.as_u64().map(Self),
            _ => None,
        };
        parsed.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{value} is not a size; write bytes or a number with a unit, for example 512MB, 512Mi or 0.5GB"
            ))
        })
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 0,
            "pattern": r"^\s*(\d+(\.\d*)?|\.\d+)\s*([kKmMgGtT]([iI]?[bB]?)|[bB])?\s*$",
            "examples": ["512MB", "512Mi", "0.5GB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_a_map() {
        #[derive(Debug, serde::Deserialize)]
        struct One {
            #[serde(default)]
            a: u32,
        }
        for (properties, expected) in [
            (serde_json::json!({"type": "x", "a": 7}), Some(7)),
            (serde_json::json!({}), Some(0)),
            (Value::Null, Some(0)),
            (serde_json::json!([7]), None),
            (serde_json::json!(7), None),
            (serde_json::json!("a"), None),
        ] {
            assert_eq!(decode::<One>("x", &properties).ok().map(|one| one.a), expected, "{properties}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("PT30S", Some(30.0)),
            ("PT0.5S", Some(0.5)),
            ("P1DT2H", Some(93_600.0)),
            ("P1W", Some(604_800.0)),
            ("PT", None),
            ("P", None),
            ("30s", None),
            ("PT5", None),
            ("PT1D", None),
        ] {
            assert_eq!(IsoDuration::parse(text).map(|d| d.0.as_secs_f64()), seconds, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512Mi", Some(536_870_912)),
            ("512MB", Some(536_870_912)),
            ("0.5GB", Some(536_870_912)),
            ("512 m", Some(536_870_912)),
            ("1024", Some(1024)),
            ("1tb", Some(1_099_511_627_776)),
            ("", None),
            ("-1", None),
            ("5X", None),
            ("99999999999999T", None),
        ] {
            assert_eq!(ByteSize::parse(text).map(|b| b.0), bytes, "{text}");
        }
    }
}
