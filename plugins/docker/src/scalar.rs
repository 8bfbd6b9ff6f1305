//! Property values that may be written in more than one way: rendered templates are text.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use switchyard_plugin_api::{
    ByteSize,
    schemars::{JsonSchema, Schema, SchemaGenerator, json_schema},
};

/// A number of processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cpus(pub f64);

impl Cpus {
    /// In the engine's unit. It rounds, so that 0.1 is exact.
    pub fn nano(self) -> i64 {
        (self.0 * 1e9).round() as i64
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && number > 0.0 && number < 1e6 => Ok(Self(number)),
            _ => Err(D::Error::custom(format!("cpus: {value} is not a number of processors above 0; write for example 1 or 0.5"))),
        }
    }
}

impl JsonSchema for Cpus {
    fn schema_name() -> Cow<'static, str> {
        "Cpus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "exclusiveMinimum": 0, "examples": [1, 0.5] })
    }
}

/// A size, or `-1` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapSize {
    /// No limit.
    Unlimited,
    /// At most this much.
    Limited(ByteSize),
}

impl SwapSize {
    /// As the engine writes it.
    pub fn bytes(self) -> i64 {
        match self {
            Self::Unlimited => -1,
            Self::Limited(size) => i64::try_from(size.0).unwrap_or(i64::MAX),
        }
    }
}

impl<'de> Deserialize<'de> for SwapSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let unlimited = match &value {
            Value::Number(number) => number.as_i64() == Some(-1),
            Value::String(text) => text.trim() == "-1",
            _ => false,
        };
        if unlimited {
            return Ok(Self::Unlimited);
        }
        ByteSize::deserialize(value).map(Self::Limited).map_err(|e| D::Error::custom(format!("memorySwap: {e}; -1 means unlimited")))
    }
}

impl JsonSchema for SwapSize {
    fn schema_name() -> Cow<'static, str> {
        "SwapSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "examples": ["1GB", -1] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn docker_d16_processors_are_exact() {
        for (value, nano) in [
            (json!(1), Some(1_000_000_000)),
            (json!(1.5), Some(1_500_000_000)),
            (json!("0.1"), Some(100_000_000)),
            (json!(0), None),
            (json!(-1), None),
            (json!("many"), None),
        ] {
            assert_eq!(serde_json::from_value::<Cpus>(value.clone()).ok().map(Cpus::nano), nano, "{value}");
        }
    }

    #[test]
    fn swap_may_be_unlimited() {
        for (value, bytes) in
            [(json!(-1), Some(-1)), (json!("-1"), Some(-1)), (json!("1g"), Some(1 << 30)), (json!(-2), None), (json!("-5MB"), None)]
        {
            assert_eq!(serde_json::from_value::<SwapSize>(value.clone()).ok().map(SwapSize::bytes), bytes, "{value}");
        }
    }
}
