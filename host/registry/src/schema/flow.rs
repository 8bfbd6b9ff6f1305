//! One schema for whole flows, for editors: what the language brings, and every component with its properties.

use serde_json::{Map, Value, json};
use switchyard_model::{catalog, schema, type_name::former_types};
use switchyard_plugin_api::{Component, ComponentKind};

use super::typed;

/// An expression stands for a value of any type.
const TEMPLATE: &str = r"\{\{|\{%";

/// The schema of a flow that may use these components.
pub(crate) fn flow(components: &[impl AsRef<Component>]) -> Value {
    let own = components.iter().map(AsRef::as_ref).filter(|component| catalog::find(&component.type_name).is_none());
    let own: Vec<schema::Component> = own.map(convert).collect();
    let mut flow = schema::flow(&own);
    close(&mut flow);
    add_markdown(&mut flow);
    flow
}

/// All types are known here, so any other one is a mistake.
fn close(flow: &mut Value) {
    for kind in ["task", "taskRunner", "trigger"] {
        if let Some(Value::Array(types)) = flow.pointer_mut(&format!("/$defs/{kind}/properties/type/anyOf")) {
            types.retain(|known| known.get("const").is_some());
        }
    }
}

fn convert(component: &Component) -> schema::Component {
    let mut types = vec![component.type_name.clone()];
    let former = former_types(&component.type_name).into_iter().map(str::to_owned);
    for name in component.description.aliases.iter().cloned().chain(former) {
        if !types.contains(&name) {
            types.push(name);
        }
    }
    let mut schema = component.schema.clone();
    accept_templates(&mut schema);
    forget_null(&mut schema);
    if let Some(map) = schema.as_object_mut() {
        // The schema's own title is the name of a struct, and editors show it.
        let last = component.type_name.rsplit('.').next().unwrap_or_default();
        map.insert("title".to_owned(), last.into());
    }
    if let (Some(map), Some(instead)) = (schema.as_object_mut(), &component.description.deprecated) {
        map.insert("deprecated".to_owned(), true.into());
        map.insert("deprecationMessage".to_owned(), instead.as_str().into());
    }
    let description = &component.description;
    let text =
        if description.docs.is_empty() { description.title.clone() } else { format!("{}\n\n{}", description.title, description.docs) };
    schema::Component {
        kind: match component.kind {
            ComponentKind::Task => schema::ComponentKind::Task,
            ComponentKind::TaskRunner => schema::ComponentKind::TaskRunner,
        },
        types,
        title: component.description.title.clone(),
        description: text,
        schema,
    }
}

/// Lets every property that is no text be an expression as well. Maps with known properties stay as they are: that is where editors
/// complete.
fn accept_templates(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            accept_templates(property);
            let is_closed = property.get("properties").is_some();
            let names = typed::names(property);
            if !is_closed
                && !names.is_empty()
                && (property.get("enum").is_some() || property.get("pattern").is_some() || !names.contains(&"string"))
            {
                *property = or_template(property.take());
            }
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            accept_templates(inner);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for branch in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            accept_templates(branch);
        }
    }
}

/// A default of nothing says nothing, and YAML language servers fail to complete a map that has one inside.
fn forget_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("default") == Some(&Value::Null) {
                map.shift_remove("default");
            }
            map.values_mut().for_each(forget_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_null),
        _ => {}
    }
}

/// What is told about the property stays outside, where editors look for it.
fn or_template(property: Value) -> Value {
    let Value::Object(mut inner) = property else { return property };
    let mut outer = Map::new();
    for key in ["title", "description", "default", "examples", "deprecated", "x-switchyard"] {
        if let Some(value) = inner.shift_remove(key) {
            outer.insert(key.to_owned(), value);
        }
    }
    outer.insert("anyOf".to_owned(), json!([inner, { "type": "string", "pattern": TEMPLATE }]));
    Value::Object(outer)
}

/// YAML language servers show `description` as plain text and this as Markdown.
fn add_markdown(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(add_markdown);
            if let Some(Value::String(text)) = map.get("description").cloned() {
                map.insert("markdownDescription".to_owned(), text.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(add_markdown),
        _ => {}
    }
}
