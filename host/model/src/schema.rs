//! One JSON Schema for whole flows, made of the core's tables and of what plugins bring, for editors: a YAML language
//! server completes and checks each task's, runner's and trigger's properties by its `type`.

use serde_json::{Map, Value, json};

use crate::catalog::{self, TypeSpec, document};
use crate::input::InputType;
use crate::property::schema::{object, reference};
use crate::type_name::former_types;

/// Which list of types a component belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComponentKind {
    Task,
    TaskRunner,
    Trigger,
}

impl ComponentKind {
    fn definition(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::TaskRunner => "taskRunner",
            Self::Trigger => "trigger",
        }
    }
}

/// A type that a plugin brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    pub kind: ComponentKind,
    /// The current name first, then every other one.
    pub types: Vec<String>,
    pub title: String,
    /// In Markdown.
    pub description: String,
    /// The schema of its own properties; it may have `$defs` of its own.
    pub schema: Value,
}

/// The schema of a whole flow.
pub fn flow(components: &[Component]) -> Value {
    let mut definitions = Map::new();
    definitions.insert("labels".to_owned(), labels());
    definitions.insert("retry".to_owned(), retry());
    definitions.insert("input".to_owned(), input());
    let core = catalog::tasks()
        .map(|spec| core(ComponentKind::Task, spec))
        .chain(catalog::triggers().map(|spec| core(ComponentKind::Trigger, spec)));
    let all: Vec<Component> = core.chain(components.iter().cloned()).collect();
    for kind in [ComponentKind::Task, ComponentKind::TaskRunner, ComponentKind::Trigger] {
        let own: Vec<&Component> = all.iter().filter(|component| component.kind == kind).collect();
        definitions.insert(kind.definition().to_owned(), choice(kind, &own));
        for component in own {
            if let Some(name) = component.types.first() {
                definitions.insert(name.clone(), definition(component, name));
            }
        }
    }
    let mut schema = object(&[document::FLOW]);
    if let Some(Value::Object(tasks)) = schema.pointer_mut("/properties/tasks") {
        tasks.insert("minItems".to_owned(), 1.into());
    }
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        map.insert("title".to_owned(), "Flow".into());
        map.insert("description".to_owned(), "Tasks that run in an order, with their inputs, triggers and handlers.".into());
        map.insert("$defs".to_owned(), definitions.into());
    }
    schema
}

/// The schema of a core type alone, without what all tasks or triggers have.
pub fn of_type(spec: &TypeSpec) -> Value {
    let mut schema = object(&[spec.properties]);
    if let Value::Object(map) = &mut schema {
        map.insert("title".to_owned(), spec.title.into());
        map.insert("description".to_owned(), spec.doc.into());
        if let Some(instead) = spec.deprecated {
            map.insert("deprecated".to_owned(), true.into());
            map.insert("deprecationMessage".to_owned(), instead.into());
        }
    }
    schema
}

fn core(kind: ComponentKind, spec: &TypeSpec) -> Component {
    let former = former_types(spec.name).into_iter().map(str::to_owned);
    Component {
        kind,
        types: std::iter::once(spec.name.to_owned()).chain(former).collect(),
        title: spec.title.to_owned(),
        description: spec.doc.to_owned(),
        schema: of_type(spec),
    }
}

/// A map whose `type` says which definition the rest of it follows. Whoever knows all types may take the last alternative away.
fn choice(kind: ComponentKind, components: &[&Component]) -> Value {
    let types = components.iter().flat_map(|component| {
        let current = component.types.first().map(String::as_str).unwrap_or_default();
        component.types.iter().map(move |name| {
            let former = name != current;
            let description =
                if former { format!("{}\n\nNow called `{current}`.", component.description) } else { component.description.clone() };
            let mut item = json!({"const": name, "title": component.title, "description": description});
            if let (Value::Object(map), true) = (&mut item, former) {
                map.insert("deprecated".to_owned(), true.into());
            }
            item
        })
    });
    let types: Vec<Value> = types.chain([json!({"type": "string"})]).collect();
    let branches = components.iter().filter_map(|component| {
        let name = component.types.first()?;
        Some(json!({
            "if": {"properties": {"type": {"enum": component.types}}, "required": ["type"]},
            "then": reference(name),
        }))
    });
    let required: &[&str] = if kind == ComponentKind::TaskRunner { &["type"] } else { &["id", "type"] };
    let mut schema = json!({
        "type": "object",
        "required": required,
        "properties": {"type": {"anyOf": types, "description": "Which one it is."}},
    });
    let branches: Vec<Value> = branches.collect();
    if let (Value::Object(map), false) = (&mut schema, branches.is_empty()) {
        map.insert("allOf".to_owned(), branches.into());
    }
    schema
}

/// A component's schema as a definition: with the properties that all of its kind have, and its own `$defs` kept inside.
fn definition(component: &Component, name: &str) -> Value {
    let mut schema = component.schema.clone();
    relocate(&mut schema, &format!("#/$defs/{}/", escape(name)));
    let shared = match component.kind {
        ComponentKind::Task => object(&[document::TASK]),
        ComponentKind::Trigger => object(&[document::TRIGGER]),
        ComponentKind::TaskRunner => json!({"properties": {"type": {"type": "string"}}}),
    };
    if let Value::Object(map) = &mut schema {
        map.entry("title").or_insert_with(|| component.title.as_str().into());
        map.entry("description").or_insert_with(|| component.description.as_str().into());
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        if let (Value::Object(properties), Some(Value::Object(shared))) = (properties, shared.get("properties").cloned()) {
            if properties.contains_key("taskRunner") {
                properties.insert("taskRunner".to_owned(), reference("taskRunner"));
            }
            for (key, value) in shared {
                properties.entry(key).or_insert(value);
            }
        }
        map.remove("$schema");
        map.remove("$id");
    }
    schema
}

/// Makes references to a schema's own definitions point to where it is put.
fn relocate(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        let own = ["#/$defs/", "#/definitions/"].iter().any(|start| target.starts_with(start)) && !is_shared(target);
                        if own {
                            *target = format!("{place}{}", &target[2..]);
                        }
                    }
                    _ => relocate(value, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        _ => {}
    }
}

/// Definitions that the flow's schema offers to everybody.
fn is_shared(target: &str) -> bool {
    ["labels", "retry", "input", "task", "taskRunner", "trigger"].iter().any(|name| target == format!("#/$defs/{name}"))
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn labels() -> Value {
    json!({"anyOf": [
        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        {"type": "array", "items": object(&[document::LABEL])},
    ]})
}

fn retry() -> Value {
    let branch = |name: &str, own: &[crate::property::Property]| {
        json!({
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": object(&[document::RETRY, own]),
        })
    };
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": ["constant", "exponential", "random"], "description": "How the waits grow."}},
        "allOf": [
            branch("constant", document::RETRY_CONSTANT),
            branch("exponential", document::RETRY_EXPONENTIAL),
            branch("random", document::RETRY_RANDOM),
        ],
    })
}

fn input() -> Value {
    let branches = InputType::NAMES.iter().filter_map(|name| {
        let own = catalog::input::properties(InputType::from_name(name)?);
        Some(json!({
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": object(&[catalog::input::COMMON, own]),
        }))
    });
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": InputType::NAMES, "description": "What the value is."}},
        "allOf": branches.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker() -> Component {
        Component {
            kind: ComponentKind::TaskRunner,
            types: vec!["x.Docker".to_owned(), "x.DockerTaskRunner".to_owned()],
            title: "Docker".to_owned(),
            description: "Runs it in a container.".to_owned(),
            schema: json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"cpu": {"$ref": "#/$defs/Cpu"}},
                "additionalProperties": false,
                "$defs": {"Cpu": {"type": "object", "properties": {"cpus": {"type": "number"}}}},
            }),
        }
    }

    fn shell() -> Component {
        Component {
            kind: ComponentKind::Task,
            types: vec!["x.Shell".to_owned()],
            title: "Shell".to_owned(),
            description: "Runs commands.".to_owned(),
            schema: json!({"type": "object", "properties": {"taskRunner": {"type": "object"}}, "additionalProperties": false}),
        }
    }

    #[test]
    fn plugins_are_part_of_it() {
        let schema = flow(&[docker(), shell()]);
        assert_eq!(schema.pointer("/$defs/x.Docker/properties/cpu/$ref").unwrap(), "#/$defs/x.Docker/$defs/Cpu");
        assert!(schema.pointer("/$defs/x.Docker/$defs/Cpu/properties/cpus").is_some());
        assert_eq!(schema.pointer("/$defs/x.Shell/properties/taskRunner").unwrap(), &json!({"$ref": "#/$defs/taskRunner"}));
        assert!(schema.pointer("/$defs/x.Shell/properties/allowFailure/description").is_some());
        insta::assert_json_snapshot!(schema.pointer("/$defs/taskRunner").unwrap(), @r##"
        {
          "type": "object",
          "required": [
            "type"
          ],
          "properties": {
            "type": {
              "anyOf": [
                {
                  "const": "x.Docker",
                  "title": "Docker",
                  "description": "Runs it in a container."
                },
                {
                  "const": "x.DockerTaskRunner",
                  "title": "Docker",
                  "description": "Runs it in a container.\n\nNow called `x.Docker`.",
                  "deprecated": true
                },
                {
                  "type": "string"
                }
              ],
              "description": "Which one it is."
            }
          },
          "allOf": [
            {
              "if": {
                "properties": {
                  "type": {
                    "enum": [
                      "x.Docker",
                      "x.DockerTaskRunner"
                    ]
                  }
                },
                "required": [
                  "type"
                ]
              },
              "then": {
                "$ref": "#/$defs/x.Docker"
              }
            }
          ]
        }
        "##);
    }

    #[test]
    fn every_property_and_type_is_described() {
        fn walk(schema: &Value, place: &str, missing: &mut Vec<String>) {
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                for (name, property) in properties {
                    let described = property.get("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
                    if !described {
                        missing.push(format!("{place}.{name}"));
                    }
                    walk(property, &format!("{place}.{name}"), missing);
                }
            }
        }
        let schema = flow(&[]);
        let mut missing = Vec::new();
        walk(&schema, "flow", &mut missing);
        let definitions = schema["$defs"].as_object().unwrap();
        for spec in catalog::tasks().chain(catalog::triggers()) {
            let definition = &definitions[spec.name];
            assert_eq!((&definition["title"], &definition["description"]), (&json!(spec.title), &json!(spec.doc)));
            walk(definition, spec.name, &mut missing);
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn every_reference_has_its_definition() {
        fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
            match schema {
                Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                    Value::String(target) if key == "$ref" => found.push(target),
                    value => references(value, found),
                }),
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let schema = flow(&[docker(), shell()]);
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > 50);
        for target in found {
            assert!(schema.pointer(&target[1..]).is_some(), "{target}");
        }
    }

    #[test]
    fn every_default_is_json_and_every_name_is_there_once() {
        for spec in catalog::tasks().chain(catalog::triggers()) {
            let shared = if spec.name.contains(".trigger.") { document::TRIGGER } else { document::TASK };
            let mut names: Vec<&str> = spec.properties.iter().chain(shared).flat_map(crate::property::Property::names).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert!(names.len() == count || spec.name.ends_with("trigger.Toggle"), "{}", spec.name);
            for property in spec.properties.iter().chain(shared) {
                if let Some(default) = property.default {
                    assert!(serde_json::from_str::<Value>(default).is_ok(), "{}.{}: {default}", spec.name, property.name);
                }
            }
        }
    }
}
