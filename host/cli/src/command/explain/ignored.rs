//! Values that are written, and that nothing will read.

use serde_json::Value as Json;
use switchyard_engine::load::Chosen;
use switchyard_plugin_api::{Component, Image};

/// What stands between a task's properties and its runner.
pub struct Readers<'a> {
    /// The task's properties.
    pub properties: &'a serde_json::Map<String, Json>,
    pub chosen: &'a Chosen,
    pub runner: &'a Component,
    pub is_docker: bool,
}

impl Readers<'_> {
    /// Why a property such as `docker.image` changes nothing; `None` when something reads it.
    pub fn ignored(&self, property: &str) -> Option<String> {
        let block = property.strip_prefix("docker.");
        let runner = self.given("taskRunner");
        if property == "containerImage" || block == Some("image") {
            if self.runner.capabilities.image == Image::Ignored {
                return Some(format!("{} uses no image", self.runner.type_name));
            }
            if property == "containerImage" && runner.is_none() && self.block("image") {
                return Some("`docker.image` wins".to_owned());
            }
        }
        match (property, block) {
            ("runner", _) => runner.map(|_| "`taskRunner` wins".to_owned()),
            (_, Some(name)) => self.ignored_option(name),
            _ => None,
        }
    }

    fn ignored_option(&self, name: &str) -> Option<String> {
        if !self.is_docker {
            return Some(format!("{} does not read `docker`", self.runner.type_name));
        }
        let option = name.split('.').next().unwrap_or(name);
        let runner = self.given("taskRunner")?;
        match option {
            "image" => self.given("containerImage").map(|_| "`containerImage` wins".to_owned()),
            _ => runner.get(option).map(|_| format!("`taskRunner.{option}` wins")),
        }
    }

    fn given(&self, name: &str) -> Option<&Json> {
        self.properties.get(name).filter(|value| !value.is_null())
    }

    fn block(&self, name: &str) -> bool {
        self.given("docker").and_then(|block| block.get(name)).is_some_and(|value| !value.is_null())
    }

    /// Who decided on the runner, when no `taskRunner` did.
    pub fn decided_by(&self) -> Option<&'static str> {
        match () {
            () if self.given("taskRunner").is_some() => None,
            () if self.given("runner").is_some() => Some("from `runner`"),
            () if self.chosen.legacy => Some("from `docker`"),
            () => Some("no `taskRunner` is written"),
        }
    }
}
