//! Which runner a script task runs on, and with which properties; spec script-tasks 3.1.

use serde_json::{Map, Value as Json};
use switchyard_plugin_api::Error;

/// The runner of tasks that name none.
pub const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";
/// The runner that is compiled in.
pub const PROCESS: &str = "io.kestra.plugin.core.runner.Process";

/// The choice, before anything is rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// As written.
    pub type_name: String,
    /// Without `type`.
    pub properties: Map<String, Json>,
    /// The task's `containerImage`, or the image of the old `docker` block.
    pub image: Option<Json>,
    /// The old `runner` is in effect, which gives tasks an output directory unasked.
    pub legacy: bool,
    /// Deprecated properties that were used, for one warning.
    pub deprecated: Vec<&'static str>,
}

impl Chosen {
    /// For a task that does its work on the host, whatever the user's runner.
    pub fn here() -> Self {
        Self { type_name: PROCESS.into(), properties: Map::new(), image: None, legacy: false, deprecated: Vec::new() }
    }
}

impl Chosen {
    /// For tasks whose default is a process.
    #[must_use]
    pub fn or_process(self, properties: &Map<String, Json>) -> Self {
        let said = ["taskRunner", "runner", "docker"].iter().any(|name| properties.get(*name).is_some_and(|value| !value.is_null()));
        if said { self } else { Self::here() }
    }
}

/// Chooses. An explicit `taskRunner` wins over the old `runner` and `docker`.
pub fn choose(properties: &Map<String, Json>, is_docker: impl Fn(&str) -> bool) -> Result<Chosen, Error> {
    let given = |name: &str| properties.get(name).filter(|value| !value.is_null());
    let mut deprecated: Vec<&'static str> = ["runner", "docker"].into_iter().filter(|name| given(name).is_some()).collect();
    let mut docker = match given("docker") {
        None => Map::new(),
        Some(Json::Object(map)) => map.clone(),
        Some(other) => return Err(Error::user("flow::invalid_property", format!("`docker` is {other}, not a map")).at("/docker")),
    };
    // Older flows still write the names of older versions.
    for (old, new) in [("dockerHost", "host"), ("dockerConfig", "config")] {
        if let Some(value) = docker.shift_remove(old) {
            docker.entry(new).or_insert(value);
        }
    }
    let image = given("containerImage").cloned();
    let block_image = docker.shift_remove("image");
    if let Some(Json::Object(runner)) = given("taskRunner") {
        let mut options = runner.clone();
        let Some(Json::String(type_name)) = options.shift_remove("type") else {
            return Err(Error::user("flow::missing_property", "`taskRunner` has no `type`")
                .with_help(format!("write for example `type: {DOCKER}`"))
                .at("/taskRunner"));
        };
        let merged = is_docker(&type_name) && given("docker").is_some();
        if merged {
            for (name, value) in docker {
                options.entry(name).or_insert(value);
            }
        } else if !deprecated.is_empty() {
            deprecated.push("taskRunner");
        }
        return Ok(Chosen { type_name, properties: options, image: image.or(block_image.filter(|_| merged)), legacy: false, deprecated });
    }
    match given("runner").map(|value| value.as_str().unwrap_or_default().to_owned()) {
        Some(name) if name == "PROCESS" => {
            Ok(Chosen { type_name: PROCESS.into(), properties: Map::new(), image, legacy: true, deprecated })
        }
        Some(name) if name == "DOCKER" => {
            Ok(Chosen { type_name: DOCKER.into(), properties: docker, image: block_image.or(image), legacy: true, deprecated })
        }
        Some(name) => Err(Error::user("flow::invalid_property", format!("`runner` is `{name}`"))
            .with_help("write PROCESS or DOCKER, or better a `taskRunner` with a `type`")
            .at("/runner")),
        None => {
            let legacy = given("docker").is_some();
            Ok(Chosen { type_name: DOCKER.into(), properties: docker, image: block_image.or(image), legacy, deprecated })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Rows of spec script-tasks 3.1, and tests 17 and 18 of its section 6.
    #[test]
    fn precedence_3_1() {
        let other = "io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner";
        for (name, properties, type_name, options, image, legacy) in [
            ("nothing", json!({}), DOCKER, json!({}), None, false),
            ("runner PROCESS", json!({"runner": "PROCESS"}), PROCESS, json!({}), None, true),
            (
                "runner DOCKER",
                json!({"runner": "DOCKER", "docker": {"image": "a", "user": "1"}}),
                DOCKER,
                json!({"user": "1"}),
                Some("a"),
                true,
            ),
            ("docker only", json!({"docker": {"image": "a"}}), DOCKER, json!({}), Some("a"), true),
            ("taskRunner only", json!({"taskRunner": {"type": other, "x": 1}}), other, json!({"x": 1}), None, false),
            (
                "17 taskRunner wins over runner",
                json!({"runner": "PROCESS", "docker": {"image": "nope"}, "taskRunner": {"type": DOCKER}, "containerImage": "alpine"}),
                DOCKER,
                json!({}),
                Some("alpine"),
                false,
            ),
            (
                "docker fills gaps of taskRunner",
                json!({"docker": {"image": "a", "user": "1", "host": "h"}, "taskRunner": {"type": DOCKER, "user": "2"}}),
                DOCKER,
                json!({"user": "2", "host": "h"}),
                Some("a"),
                false,
            ),
            (
                "docker is nothing to others",
                json!({"docker": {"image": "a", "user": "1"}, "taskRunner": {"type": other}}),
                other,
                json!({}),
                None,
                false,
            ),
            (
                "18 docker.image wins over containerImage",
                json!({"runner": "DOCKER", "docker": {"image": "a:1"}, "containerImage": "a:2"}),
                DOCKER,
                json!({}),
                Some("a:1"),
                true,
            ),
            (
                "18 containerImage fills docker.image",
                json!({"runner": "DOCKER", "containerImage": "a:2"}),
                DOCKER,
                json!({}),
                Some("a:2"),
                true,
            ),
            ("old names in docker", json!({"docker": {"dockerHost": "h"}}), DOCKER, json!({"host": "h"}), None, true),
        ] {
            let chosen = choose(properties.as_object().unwrap(), |name| name == DOCKER).unwrap();
            assert_eq!(chosen.type_name, type_name, "{name}");
            assert_eq!(Json::Object(chosen.properties), options, "{name}");
            assert_eq!(chosen.image, image.map(Json::from), "{name}");
            assert_eq!(chosen.legacy, legacy, "{name}");
        }
    }
}
