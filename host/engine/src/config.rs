//! `switchyard.yaml`: what an administrator configures.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

mod isolation;
mod journal;
mod record;
mod trust;

use serde_json::{Map, Value as Json};
use switchyard_model::{DefaultEntry, Node, Path as Place, Sources, Violation, Violations, canonical_type, yaml};
use switchyard_store::storage::{self, Storage};

pub use journal::Shared;

/// The configuration of a host. Every part is optional.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Plugin directories, in addition to those of the command line.
    pub plugin_directories: Vec<PathBuf>,
    /// Which plugins run in a process of their own.
    pub isolation: switchyard_registry::Rules,
    /// Which attempts are recorded at the plugin boundary.
    pub record: Option<Arc<crate::recording::Record>>,
    /// Which plugins are used.
    pub policy: switchyard_registry::Policy,
    /// Defaults for every flow.
    pub defaults: Vec<DefaultEntry>,
    /// By namespace; a child inherits what its parents have.
    pub namespaces: BTreeMap<String, Namespace>,
    /// What each plugin type is configured with, by canonical type.
    pub plugins: BTreeMap<String, Json>,
    /// Expressions see it as `globals`.
    pub globals: Json,
    pub data_dir: Option<PathBuf>,
    /// URL of a journal that several hosts share; otherwise it is in the data directory.
    pub journal: Option<Shared>,
    /// A YAML or JSON map of secrets, or `NAME=value` lines.
    pub secrets_file: Option<PathBuf>,
    /// 16 or 32 bytes in Base64; without it nothing can be encrypted that is kept.
    pub encryption_key: Option<String>,
    /// Directories of the host that flows may read files of, by `file://`.
    pub readable: Vec<PathBuf>,
    /// Where internal storage is; below the data directory when absent.
    pub storage: Option<StoragePlace>,
}

/// A place for internal storage.
#[derive(Debug, Clone, PartialEq)]
pub struct StoragePlace {
    /// `file:///dir`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    pub url: String,
    /// Of the service: region, credentials, endpoint.
    pub options: BTreeMap<String, String>,
}

impl StoragePlace {
    pub fn open(&self) -> Result<Storage, storage::Error> {
        Storage::at(&self.url, self.options.clone())
    }
}

/// What a namespace gives to its flows.
#[derive(Debug, Clone, Default)]
pub struct Namespace {
    pub defaults: Vec<DefaultEntry>,
    pub variables: Map<String, Json>,
}

const TOP: &[&str] = &[
    "plugins",
    "pluginDefaults",
    "taskDefaults",
    "namespaces",
    "variables",
    "dataDir",
    "journal",
    "secretsFile",
    "encryption",
    "localFiles",
    "storage",
];
const LOCAL_FILES: &[&str] = &["allowedPaths"];
const ENCRYPTION: &[&str] = &["secretKey"];
const STORAGE: &[&str] = &["url", "options"];
const PLUGINS: &[&str] = &["directories", "configurations", "isolation", "record", "trust"];
const NAMESPACE: &[&str] = &["pluginDefaults", "taskDefaults", "variables"];

impl Config {
    /// Reads a configuration file. The sources keep its text, since values of it are shown with their place.
    pub fn read(file: &Path, sources: &mut Sources) -> Result<Self, Violations> {
        let bytes = std::fs::read(file).map_err(|error| {
            let source = sources.add(file.display().to_string(), "");
            let span = switchyard_model::Span::of_source(source);
            let message = format!("{} cannot be read: {error}", file.display());
            Violation::error("config::unreadable", &Place::Root, span, message).with_help("check --config and SWITCHYARD_CONFIG")
        })?;
        let (_, document) = yaml::parse_bytes(sources, file.display().to_string(), &bytes);
        let root = document?.root;
        let mut found = Violations::new();
        let config = Self::from_node(&root, file.parent().unwrap_or(Path::new(".")), &mut found);
        if found.has_errors() { Err(found) } else { Ok(config) }
    }

    fn from_node(root: &Node, base: &Path, found: &mut Violations) -> Self {
        known(root, &Place::Root, TOP, found);
        let path = |node: &Node| node.as_str().map(|text| base.join(text));
        let mut config = Self {
            defaults: defaults(root, &Place::Root, found),
            globals: root.get("variables").map_or(Json::Object(Map::new()), Node::to_json),
            data_dir: root.get("dataDir").and_then(path),
            journal: root.get("journal").and_then(|node| journal::read(node, &Place::Root.key("journal"), found)),
            secrets_file: root.get("secretsFile").and_then(path),
            ..Self::default()
        };
        if let Some(node) = root.get("encryption") {
            let here = Place::Root.key("encryption");
            known(node, &here, ENCRYPTION, found);
            config.encryption_key = node.get("secretKey").and_then(Node::as_str).map(str::to_owned);
        }
        if let Some(node) = root.get("localFiles") {
            known(node, &Place::Root.key("localFiles"), LOCAL_FILES, found);
            let paths = node.get("allowedPaths").and_then(Node::as_seq).unwrap_or_default();
            config.readable = paths.iter().filter_map(path).collect();
        }
        if let Some(node) = root.get("storage") {
            let here = Place::Root.key("storage");
            known(node, &here, STORAGE, found);
            let options = node.get("options").and_then(Node::as_map).into_iter().flat_map(switchyard_model::Map::iter);
            let options = options.map(|(name, entry)| (name.to_string(), crate::task::plain(&entry.value.to_json()))).collect();
            match node.get("url").and_then(Node::as_str) {
                Some(url) => config.storage = Some(StoragePlace { url: url.to_owned(), options }),
                None => {
                    let message = "`storage` needs a `url`";
                    let help = "write for example `url: s3://bucket/prefix` or `url: file:///srv/switchyard`";
                    found.push(Violation::error("config::storage", &here, node.span, message).with_help(help));
                }
            }
        }
        if let Some(plugins) = root.get("plugins") {
            let here = Place::Root.key("plugins");
            known(plugins, &here, PLUGINS, found);
            let directories = plugins.get("directories").and_then(Node::as_seq).unwrap_or_default();
            config.plugin_directories = directories.iter().filter_map(path).collect();
            if let Some(node) = plugins.get("isolation") {
                config.isolation = isolation::read(node, &here.key("isolation"), found);
            }
            if let Some(node) = plugins.get("record") {
                config.record = record::read(node, base, &here.key("record"), found).map(Arc::new);
            }
            if let Some(node) = plugins.get("trust") {
                config.policy = trust::read(node, base, &here.key("trust"), found);
            }
            for entry in plugins.get("configurations").and_then(Node::as_seq).unwrap_or_default() {
                let (Some(type_name), Some(values)) = (entry.get("type").and_then(Node::as_str), entry.get("values")) else {
                    let message = "a plugin configuration needs `type` and `values`";
                    found.push(Violation::error("config::plugin", &here.key("configurations"), entry.span, message));
                    continue;
                };
                config.plugins.insert(canonical_type(type_name).to_owned(), values.to_json());
            }
        }
        if let Some(namespaces) = root.get("namespaces").and_then(Node::as_map) {
            let here = Place::Root.key("namespaces");
            for (name, entry) in namespaces.iter() {
                let here = here.key(name);
                known(&entry.value, &here, NAMESPACE, found);
                let variables = entry.value.get("variables").map(Node::to_json).and_then(|json| json.as_object().cloned());
                let namespace = Namespace { defaults: defaults(&entry.value, &here, found), variables: variables.unwrap_or_default() };
                config.namespaces.insert(name.to_string(), namespace);
            }
        }
        config
    }

    /// Defaults of a namespace and of each of its parents, the nearest first.
    pub fn namespace_defaults(&self, namespace: &str) -> Vec<Vec<DefaultEntry>> {
        ancestry(namespace).filter_map(|name| self.namespaces.get(name)).map(|space| space.defaults.clone()).collect()
    }

    /// Variables of a namespace; a child's win over its parents'.
    pub fn namespace_variables(&self, namespace: &str) -> Map<String, Json> {
        let mut all = Map::new();
        let spaces: Vec<_> = ancestry(namespace).filter_map(|name| self.namespaces.get(name)).collect();
        for space in spaces.into_iter().rev() {
            all.extend(space.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        all
    }

    /// What a plugin type is configured with, or null.
    pub fn plugin(&self, type_names: &[&str]) -> Json {
        type_names.iter().find_map(|name| self.plugins.get(*name)).cloned().unwrap_or(Json::Null)
    }
}

/// `a.b.c`, `a.b`, `a`.
fn ancestry(namespace: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(namespace), |name| name.rsplit_once('.').map(|(parent, _)| parent))
}

fn defaults(node: &Node, here: &Place<'_>, found: &mut Violations) -> Vec<DefaultEntry> {
    let mut all = Vec::new();
    for name in switchyard_model::defaults::DEFAULTS_PROPERTIES {
        if let Some(list) = node.get(name) {
            all.extend(DefaultEntry::read_list(list, &here.key(name), found));
        }
    }
    all
}

fn invalid(here: &Place<'_>, node: &Node, message: &str) -> Violation {
    Violation::error("config::invalid", here, node.span, message)
}

fn known(node: &Node, here: &Place<'_>, names: &[&str], found: &mut Violations) {
    let Some(map) = node.as_map() else {
        found.push(Violation::error("config::not_a_map", here, node.span, "expected a map"));
        return;
    };
    for (name, entry) in map.iter() {
        if !names.contains(&&**name) {
            let message = format!("unknown property `{name}`");
            let help = format!("known here: {}", names.join(", "));
            found.push(Violation::error("config::unknown_property", &here.key(name), entry.key_span, message).with_help(help));
        }
    }
}

/// A shared configuration.
pub type SharedConfig = Arc<Config>;
