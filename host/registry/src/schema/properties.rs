//! The properties of one type: its schema, compiled once.

use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;
use switchyard_model::{
    dynamic::is_template,
    property::remedy::{Shape, remedy},
    suggestion,
};

use super::{
    coerce,
    finding::Finding,
    typed::{alternatives, name_of, names, noun},
};

/// Checks and converts the properties of one type.
#[derive(Debug)]
pub struct Properties {
    schema: Value,
    validator: Validator,
}

impl Properties {
    /// Compiles a schema of draft 2020-12. The error is one line.
    pub fn new(mut schema: Value) -> Result<Self, String> {
        let Some(object) = schema.as_object_mut() else {
            return Err("it is not an object".to_owned());
        };
        // Without this an unknown property of a component that has none is reported without its name.
        if object.get("additionalProperties") == Some(&Value::Bool(false)) {
            object.entry("properties").or_insert_with(|| Value::Object(Default::default()));
        }
        let validator = jsonschema::draft202012::new(&schema).map_err(|e| e.to_string())?;
        Ok(Self { schema, validator })
    }

    /// Whether a property of this name is declared.
    pub fn has(&self, name: &str) -> bool {
        self.schema.get("properties").and_then(|properties| properties.get(name)).is_some()
    }

    /// What is wrong before rendering: an expression may still become anything, so it is accepted anywhere.
    pub fn check(&self, value: &Value) -> Vec<Finding> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let value = self.coerce(value.clone());
        self.find(&value, true)
    }

    /// The rendered properties with texts turned into what the schema wants, or what is wrong with them.
    pub fn accept(&self, value: Value) -> Result<Value, Vec<Finding>> {
        // Also what is valid: for a schema 3.0 is a whole number, for whoever reads it into one it is not.
        let value = self.coerce(value);
        if self.validator.is_valid(&value) { Ok(value) } else { Err(self.find(&value, false)) }
    }

    /// Turns texts into what the schema wants, where that is possible.
    pub fn coerce(&self, mut value: Value) -> Value {
        coerce::coerce(&self.schema, &self.schema, &mut value);
        value
    }

    fn find(&self, value: &Value, templates: bool) -> Vec<Finding> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value) {
            self.explain(&error, templates, &mut found);
        }
        found
    }

    fn explain(&self, error: &ValidationError<'_>, templates: bool, found: &mut Vec<Finding>) {
        let instance = error.instance();
        if templates && instance.as_str().is_some_and(is_template) {
            return;
        }
        let pointer = error.instance_path().as_str();
        let mut push = |code, pointer: String, at_key, message: String, help| {
            let finding = Finding { code, pointer, at_key, message, help };
            // Branches of one schema may say the same thing twice.
            if !found.contains(&finding) {
                found.push(finding);
            }
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known(error);
                for name in unexpected {
                    let help = suggestion::help(name, known.iter().copied());
                    push("flow::unknown_property", join(pointer, name), true, format!("unknown property `{name}`"), help);
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                push("flow::missing_property", join(pointer, name), false, format!("`{name}` is required"), self.description(error, name));
            }
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(one) => noun(one.as_str()).to_owned(),
                    TypeKind::Multiple(many) => either(many.iter().map(|one| noun(one.as_str()).to_owned())),
                };
                let help = remedy(Shape::of_json(instance), &expected).map(str::to_owned);
                push("flow::wrong_type", pointer.to_owned(), false, format!("expected {expected}, found {}", describe(instance)), help);
            }
            ValidationErrorKind::Enum { options } => {
                let names: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                found.push(not_among(&names, error));
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.explain_alternatives(error, context, templates, found);
            }
            _ => push("flow::not_allowed", pointer.to_owned(), false, error.to_string(), None),
        }
    }

    /// Of several alternatives, the one of the value's own kind was meant.
    fn explain_alternatives(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
        templates: bool,
        found: &mut Vec<Finding>,
    ) {
        let pointer = error.instance_path().as_str();
        let is_other_kind =
            |e: &ValidationError<'_>| matches!(e.kind(), ValidationErrorKind::Type { .. }) && e.instance_path().as_str() == pointer;
        let meant: Vec<&Vec<_>> = context.iter().filter(|errors| !errors.iter().any(is_other_kind)).collect();
        let choices: Vec<&str> = meant.iter().filter_map(|errors| choice(errors, pointer)).collect();
        if !choices.is_empty() && choices.len() == meant.len() {
            found.push(not_among(&choices, error));
            return;
        }
        let mut fewest: Option<Vec<Finding>> = None;
        for errors in meant {
            let mut found = Vec::new();
            errors.iter().for_each(|e| self.explain(e, templates, &mut found));
            if fewest.as_ref().is_none_or(|fewest| found.len() < fewest.len()) {
                fewest = Some(found);
            }
        }
        match fewest {
            Some(findings) => findings.into_iter().for_each(|finding| {
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }),
            None => {
                let schema = self.schema.pointer(parent(error.schema_path().as_str()));
                let branches = schema.map(|schema| alternatives(&self.schema, schema)).unwrap_or_default();
                let expected = either(branches.iter().flat_map(|branch| names(branch)).map(|name| noun(name).to_owned()));
                let message = format!("expected {expected}, found {}", describe(error.instance()));
                let help = remedy(Shape::of_json(error.instance()), &expected).map(str::to_owned);
                found.push(Finding { code: "flow::wrong_type", pointer: pointer.to_owned(), at_key: false, message, help });
            }
        }
    }

    /// Names that are declared beside the unknown one.
    fn known(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let schema = self.schema.pointer(parent(error.schema_path().as_str()));
        let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys()).map(String::as_str).collect()
    }

    fn description(&self, error: &ValidationError<'_>, name: &str) -> Option<String> {
        let schema = self.schema.pointer(parent(error.schema_path().as_str()))?;
        Some(schema.get("properties")?.get(name)?.get("description")?.as_str()?.to_owned())
    }
}

/// A value that is none of those that are allowed.
fn not_among(names: &[&str], error: &ValidationError<'_>) -> Finding {
    let instance = error.instance();
    let help = suggestion::help(instance.as_str().unwrap_or_default(), names.iter().copied());
    let message = format!("{} is none of the allowed values", describe(instance));
    Finding { code: "flow::not_allowed", pointer: error.instance_path().as_str().to_owned(), at_key: false, message, help }
}

/// The one value that an alternative allows: values that are described one by one are alternatives in a schema.
fn choice<'a>(errors: &'a [ValidationError<'static>], pointer: &str) -> Option<&'a str> {
    match errors {
        [only] if only.instance_path().as_str() == pointer => match only.kind() {
            ValidationErrorKind::Constant { expected_value } => expected_value.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// The schema that a keyword stands in.
fn parent(keyword: &str) -> &str {
    keyword.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn either(names: impl Iterator<Item = String>) -> String {
    let mut unique: Vec<String> = Vec::new();
    for name in names.filter(|name| name != "nothing") {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique.join(" or ")
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.chars().count() > 60 => format!("the text {:?}", text.chars().take(57).collect::<String>() + "..."),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => noun(name_of(value)).to_owned(),
    }
}
