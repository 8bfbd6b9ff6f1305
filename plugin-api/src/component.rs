//! The manifest: what a plugin says about itself and its components.

use serde::{Deserialize, Serialize};

use crate::Capabilities;

/// Kinds of component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// Runs a finished command somewhere.
    TaskRunner,
    /// Turns properties into work.
    Task,
}

impl ComponentKind {
    /// The word shown to people and written into the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskRunner => "task-runner",
            Self::Task => "task",
        }
    }
}

/// An example flow. The conformance suite runs those that can run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// A whole flow, as YAML.
    pub flow: String,
    /// Whether it runs without anything that only its author has (an account, a cluster).
    #[serde(default)]
    pub runnable: bool,
}

/// What the author says about a component. Build it with [`Description::new`] and the setters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Description {
    /// One line.
    pub title: String,
    /// Markdown.
    pub docs: String,
    /// Other type names that mean the same component; flows written with them run unchanged.
    pub aliases: Vec<String>,
    /// An SVG document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Example flows.
    pub examples: Vec<Example>,
    /// Set when flows should move away from the component; says where to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

impl Description {
    /// A description with its one-line title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Sets the Markdown documentation.
    #[must_use]
    pub fn docs(mut self, markdown: impl Into<String>) -> Self {
        self.docs = markdown.into();
        self
    }

    /// Adds another type name for the same component.
    #[must_use]
    pub fn alias(mut self, type_name: impl Into<String>) -> Self {
        self.aliases.push(type_name.into());
        self
    }

    /// Sets the icon, an SVG document.
    #[must_use]
    pub fn icon(mut self, svg: impl Into<String>) -> Self {
        self.icon = Some(svg.into());
        self
    }

    /// Adds an example that needs something only its author has.
    #[must_use]
    pub fn example(mut self, title: impl Into<String>, flow: impl Into<String>) -> Self {
        self.examples.push(Example { title: title.into(), flow: flow.into(), runnable: false });
        self
    }

    /// Adds an example that runs anywhere the runner itself does.
    #[must_use]
    pub fn runnable_example(mut self, title: impl Into<String>, flow: impl Into<String>) -> Self {
        self.examples.push(Example { title: title.into(), flow: flow.into(), runnable: true });
        self
    }
}

/// One component of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its kind.
    pub kind: ComponentKind,
    /// Its canonical type name, such as `io.kestra.plugin.scripts.runner.docker.Docker`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The author's words.
    #[serde(flatten)]
    pub description: Description,
    /// JSON Schema (2020-12) of its properties, without `type`.
    pub schema: serde_json::Value,
    /// JSON Schema of its outputs, for tasks that declare them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<serde_json::Value>,
    /// Abilities of a runner; defaults for a task.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Whether a task is a pure plan (the host runs it) or does its work itself.
    #[serde(default)]
    pub planned: bool,
}

/// Facts about the library. They are also in its header, readable without loading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginInfo {
    /// Short name, such as `docker`.
    pub id: String,
    /// The plugin's own semantic version.
    pub version: String,
    /// Version of the plugin API it was built with.
    pub api: String,
    /// Compiler version.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
}

/// What a plugin brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The library.
    pub plugin: PluginInfo,
    /// Its components.
    pub components: Vec<Component>,
}
