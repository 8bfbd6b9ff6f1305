//! The words of the script tasks from before there was one for each language; spec script-tasks 1.8.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};
use switchyard_plugin_api::Component;

/// Whether the task is one of them. Its plugin says so.
pub fn is_legacy(component: &Component) -> bool {
    component.schema.pointer("/x-switchyard").and_then(Json::as_str) == Some("legacy-script")
}

/// Their properties in today's words, as far as the host acts on them.
pub fn modern<'a>(component: &Component, properties: &'a Map<String, Json>) -> Cow<'a, Map<String, Json>> {
    if !is_legacy(component) {
        return Cow::Borrowed(properties);
    }
    let mut modern = properties.clone();
    if let Some(docker) = modern.shift_remove("dockerOptions") {
        modern.entry("docker").or_insert(docker);
    }
    let mut files = Vec::new();
    for name in ["files", "outputsFiles", "outputFiles"] {
        if let Some(Json::Array(names)) = modern.shift_remove(name) {
            files.extend(names);
        }
    }
    let directories = properties.get("outputDirs").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    files.extend(directories.map(|name| json!(format!("{name}/**"))));
    if !files.is_empty() {
        modern.insert("outputFiles".into(), Json::Array(files));
    }
    Cow::Owned(modern)
}

/// `outputDirs.<name>`: where its files go.
pub fn directories(properties: &Map<String, Json>, working_dir: &str) -> Option<Json> {
    let names = properties.get("outputDirs")?.as_array()?.iter().filter_map(Json::as_str);
    let places: Map<String, Json> = names.map(|name| (name.to_owned(), json!(format!("{working_dir}/{name}")))).collect();
    Some(Json::Object(places))
}
