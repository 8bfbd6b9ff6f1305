//! Properties as JSON Schema (2020-12), worded for completion and hover texts in an editor.

use serde_json::{Map, Value, json};

use super::{Kind, Property};

/// An expression stands for a value of any type.
const TEMPLATE: &str = r"\{\{|\{%";

/// How a duration begins, when it is no expression.
const DURATION: &str = r"^\s*[-+]?[Pp]|\{\{|\{%";

impl Property {
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.kind.schema(!self.literal);
        if let Value::Object(map) = &mut schema {
            map.insert("description".to_owned(), self.doc.into());
            if let Some(default) = self.default.and_then(|json| serde_json::from_str(json).ok()) {
                map.insert("default".to_owned(), default);
            }
            if let Some(instead) = self.deprecated {
                map.insert("deprecated".to_owned(), true.into());
                map.insert("deprecationMessage".to_owned(), instead.into());
            }
        }
        schema
    }
}

/// A closed object of these properties, old spellings included.
pub(crate) fn object(tables: &[&[Property]]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut alternatives = Vec::new();
    for property in tables.iter().flat_map(|table| table.iter()) {
        properties.insert(property.name.to_owned(), property.schema());
        for alias in property.names().skip(1) {
            let mut schema = property.schema();
            if let (Value::Object(map), true) = (&mut schema, property.formerly.contains(&alias)) {
                map.insert("deprecated".to_owned(), true.into());
                map.insert("deprecationMessage".to_owned(), format!("now called `{}`", property.name).into());
            }
            properties.insert(alias.to_owned(), schema);
        }
        if property.required && property.names().count() == 1 {
            required.push(property.name);
        } else if property.required {
            alternatives.push(json!({"anyOf": property.names().map(|name| json!({"required": [name]})).collect::<Vec<_>>()}));
        }
    }
    let mut schema = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    if let (Value::Object(map), false) = (&mut schema, alternatives.is_empty()) {
        map.insert("allOf".to_owned(), alternatives.into());
    }
    schema
}

impl Kind {
    fn schema(&self, dynamic: bool) -> Value {
        let exact = match self {
            Kind::Any => return json!({}),
            Kind::Text => return json!({"type": ["string", "number", "boolean"]}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Count(minimum) => json!({"type": "integer", "minimum": minimum}),
            Kind::Number => json!({"type": "number"}),
            Kind::Duration => json!({"type": ["string", "number"], "pattern": DURATION, "examples": ["PT30S", "PT1H30M", "P1D"]}),
            Kind::Choice(names) => json!({"enum": names}),
            Kind::Map => json!({"type": "object"}),
            Kind::MapOf(value) => json!({"type": "object", "additionalProperties": value.schema(dynamic)}),
            Kind::List(item) => json!({"type": "array", "items": item.schema(dynamic)}),
            Kind::Object(properties) => object(&[properties]),
            Kind::OneOf(kinds) => return json!({"anyOf": kinds.iter().map(|kind| kind.schema(dynamic)).collect::<Vec<_>>()}),
            Kind::Id(shape) => return json!({"type": ["string", "integer"], "pattern": shape.pattern(), "maxLength": shape.max_length()}),
            Kind::Labels => return reference("labels"),
            Kind::Retry => return reference("retry"),
            Kind::Task => return reference("task"),
            Kind::Trigger => return reference("trigger"),
            Kind::Input => return reference("input"),
            Kind::Component => return json!({"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}),
        };
        let structural = matches!(self, Kind::Duration) || !self.may_be_rendered_to_scalar();
        if !dynamic || structural { exact } else { json!({"anyOf": [exact, {"type": "string", "pattern": TEMPLATE}]}) }
    }

    /// Where the schema offers an expression beside the literal; lists and maps stay plain, for the sake of completion.
    fn may_be_rendered_to_scalar(&self) -> bool {
        matches!(self, Kind::Flag | Kind::Count(_) | Kind::Number | Kind::Choice(_))
    }
}

pub(crate) fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/$defs/{definition}")})
}
