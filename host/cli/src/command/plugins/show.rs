//! `switchyard plugins show`: documentation, properties and examples of a type.

use serde_json::{Value, json};
use switchyard_model::{
    catalog::{self, TypeSpec},
    schema,
    type_name::former_types,
};
use switchyard_plugin_api::{Capabilities, Component, ComponentKind, Example, FileStrategy, Image, Placement};

use super::property;
use crate::{
    arguments::Globals,
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Palette, Screen, Table},
};

pub fn run(globals: &Globals, host: &Host, type_name: &str, json: bool) -> Result<Exit, Failure> {
    let subject = match host.registry.component(type_name) {
        Ok(component) => Subject::of_component(&component, host),
        Err(error) => match catalog::find(type_name) {
            Some(spec) => Subject::of_spec(spec),
            None => return Err(error.into()),
        },
    };
    if json {
        print_json(&subject.json())?;
    } else {
        print(subject.text(Screen::stdout(globals.color).palette).as_bytes())?;
    }
    Ok(Exit::Success)
}

/// A component of a plugin or one of the host's own types, alike for the reader.
pub struct Subject {
    pub type_name: String,
    pub kind: &'static str,
    pub title: String,
    pub docs: String,
    pub origin: String,
    pub aliases: Vec<String>,
    pub deprecated: Option<String>,
    pub icon: Option<String>,
    /// What a runner promises, in words.
    pub abilities: Vec<(&'static str, String)>,
    pub schema: Value,
    pub outputs: Vec<(String, String, String)>,
    pub examples: Vec<Example>,
}

impl Subject {
    pub fn of_component(component: &Component, host: &Host) -> Self {
        let row =
            host.registry.plugins().into_iter().find(|row| row.type_name.as_deref() == Some(&component.type_name) && row.state.is_usable());
        let origin = row.map(|row| {
            let file = row.file.map(|file| format!(" from {}", file.display())).unwrap_or_default();
            format!("{} {}{file}", row.plugin.unwrap_or_default(), row.version.unwrap_or_default())
        });
        let outputs = component.outputs.as_ref().map(property::of_schema).unwrap_or_default();
        let description = component.description.clone();
        Self {
            type_name: component.type_name.clone(),
            kind: component.kind.as_str(),
            title: description.title,
            docs: description.docs,
            origin: origin.unwrap_or_default(),
            aliases: description.aliases,
            deprecated: description.deprecated,
            icon: description.icon,
            abilities: if component.kind == ComponentKind::TaskRunner { abilities(&component.capabilities) } else { Vec::new() },
            schema: component.schema.clone(),
            outputs: outputs.into_iter().map(|output| (output.name, output.kind, output.description)).collect(),
            examples: description.examples,
        }
    }

    pub fn of_spec(spec: &TypeSpec) -> Self {
        Self {
            type_name: spec.name.to_owned(),
            kind: if catalog::triggers().any(|trigger| trigger.name == spec.name) { "trigger" } else { "task" },
            title: spec.title.to_owned(),
            docs: spec.doc.to_owned(),
            origin: format!("core {}", env!("CARGO_PKG_VERSION")),
            aliases: former_types(spec.name).into_iter().map(str::to_owned).collect(),
            deprecated: spec.deprecated.map(str::to_owned),
            icon: None,
            abilities: Vec::new(),
            schema: schema::of_type(spec),
            outputs: spec.outputs.iter().map(|(name, doc)| ((*name).to_owned(), String::new(), (*doc).to_owned())).collect(),
            examples: catalog::example::of(spec.name)
                .map(|flow| Example { title: spec.title.to_owned(), flow, runnable: false })
                .into_iter()
                .collect(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "type": self.type_name,
            "kind": self.kind,
            "title": self.title,
            "docs": self.docs,
            "plugin": self.origin,
            "aliases": self.aliases,
            "deprecated": self.deprecated,
            "schema": self.schema,
            "outputs": self.outputs.iter().map(|(name, kind, doc)| json!({"name": name, "type": kind, "description": doc})).collect::<Vec<_>>(),
            "examples": self.examples,
        })
    }

    fn text(&self, palette: Palette) -> String {
        let mut text = format!("{}\n{}\n", palette.bold(&self.type_name), self.title);
        text.push_str(&palette.dim(format!("{}, plugin {}\n", self.kind, self.origin)).to_string());
        if let Some(instead) = &self.deprecated {
            text.push_str(&format!("{} {instead}\n", palette.doubtful("deprecated:")));
        }
        if !self.aliases.is_empty() {
            text.push_str(&format!("also: {}\n", self.aliases.join(", ")));
        }
        if !self.docs.is_empty() && self.docs != self.title {
            text.push_str(&format!("\n{}\n", self.docs.trim_end()));
        }
        text.push_str(&self.properties(palette));
        if !self.outputs.is_empty() {
            let mut table = Table::new(["NAME", "TYPE", "DESCRIPTION"]);
            self.outputs.iter().for_each(|(name, kind, doc)| table.push([name.clone(), kind.clone(), doc.clone()]));
            text.push_str(&section(palette, "Outputs", &table));
        }
        for example in &self.examples {
            text.push_str(&format!("\n{}\n\n{}\n", palette.bold(format!("Example: {}", example.title)), indented(&example.flow)));
        }
        text
    }

    fn properties(&self, palette: Palette) -> String {
        let mut table = Table::new(["NAME", "TYPE", "DEFAULT", "DESCRIPTION"]);
        for property in property::of_schema(&self.schema) {
            let default = property.default.unwrap_or_else(|| if property.required { "required" } else { "" }.to_owned());
            table.push([property.name, property.kind, default, property.description]);
        }
        if table.is_empty() { "\nIt has no properties of its own.\n".to_owned() } else { section(palette, "Properties", &table) }
    }
}

fn abilities(of: &Capabilities) -> Vec<(&'static str, String)> {
    let runs = match of.placement {
        Placement::Local => "on the host's machine",
        Placement::Container => "in a container",
        Placement::Remote => "on another system",
    };
    let image = match of.image {
        Image::Ignored => "not used",
        Image::Required => "required",
    };
    let files: Vec<&str> = of
        .file_strategies
        .iter()
        .map(|strategy| match strategy {
            FileStrategy::Shared => "the command sees the host's directory",
            FileStrategy::Copied => "copied in and out",
            FileStrategy::Bucket => "through a bucket",
        })
        .collect();
    let yes = |able: bool, words: &str| if able { words.to_owned() } else { "no".to_owned() };
    vec![
        ("Runs", runs.to_owned()),
        ("Image", image.to_owned()),
        ("Files", if files.is_empty() { "none".to_owned() } else { files.join("; ") }),
        ("Found again after a restart", yes(of.reattach, "yes")),
        ("When killed", if of.graceful_stop { "a signal, then the grace period".to_owned() } else { "ends at once".to_owned() }),
        ("Limits of CPU and memory", yes(of.limits, "enforced")),
    ]
}

fn section(palette: Palette, title: &str, table: &Table) -> String {
    let rows = table.render(|row, column, cell| match (row, column) {
        (0, _) => palette.dim(cell).to_string(),
        (_, 0) => palette.name(cell).to_string(),
        _ => cell,
    });
    format!("\n{}\n\n{rows}", palette.bold(title))
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("    {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
