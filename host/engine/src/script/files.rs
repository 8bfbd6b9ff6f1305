//! Input files on their way into the working directory.

use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Scope};
use switchyard_plugin_api::Error;

use crate::task::unrendered;

/// One file to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Relative to the working directory; checked where it is opened.
    pub path: String,
    pub content: Content,
}

/// Where the bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// A `kestra://` URI.
    Stored(String),
    /// A path of this host.
    Local(String),
}

/// Renders `inputFiles`: a map of path to content, or an expression that renders to one. Null entries are left out. Contents of a
/// task whose tool has templates of the same form (`raw`) stay as they are, except for one that is a single expression.
pub fn inputs(expr: &Engine, value: &Json, scope: &dyn Scope, raw: bool, warnings: &mut Vec<String>) -> Result<Vec<Input>, Error> {
    let wrong = |what: String| {
        Error::user("flow::invalid_property", format!("`inputFiles` {what}"))
            .with_help("write a map of file names to contents, such as `inputFiles: {main.py: \"print(1)\"}`")
            .at("/inputFiles")
    };
    let text = |template: &str| expr.render(template, scope).map_err(|error| unrendered(&error));
    let (map, render): (Map<String, Json>, bool) = match value {
        Json::Null => return Ok(Vec::new()),
        Json::Object(map) => (map.clone(), true),
        Json::String(template) => match serde_json::from_str(&text(template)?) {
            Ok(Json::Object(map)) => (map, false),
            Ok(other) => return Err(wrong(format!("rendered to {}, not to a map", kind(&other)))),
            Err(error) => return Err(wrong(format!("rendered to a text that is not JSON: {error}"))),
        },
        other => return Err(wrong(format!("is {}, not a map", kind(other)))),
    };
    let mut files = Vec::with_capacity(map.len());
    for (name, content) in map {
        let path = if render { text(&name)? } else { name };
        let content = match content {
            Json::Null => continue,
            Json::String(template) if render && raw => match is_one_expression(&template).then(|| expr.render(&template, scope)) {
                Some(Ok(rendered)) => rendered,
                _ => template,
            },
            Json::String(template) if render => text(&template)?,
            Json::String(text) => text,
            other => {
                warnings.push(format!("the content of the input file `{path}` is {}, written as JSON", kind(&other)));
                other.to_string()
            }
        };
        let content = match content.strip_prefix("nsfile://") {
            Some(path) => {
                scope.host().file_uri(path, None).map_err(|error| Error::user("namespace::path", error.to_string()).at("/inputFiles"))?
            }
            None => content,
        };
        let content = match content.strip_prefix("file://") {
            Some(path) if path.starts_with('/') && !path.contains('\n') => Content::Local(path.to_owned()),
            _ if content.starts_with("kestra://") => Content::Stored(content),
            _ => Content::Text(content),
        };
        files.push(Input { path, content });
    }
    Ok(files)
}

fn is_one_expression(template: &str) -> bool {
    let inner = template.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.contains("{{") && !inner.contains("}}"))
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
