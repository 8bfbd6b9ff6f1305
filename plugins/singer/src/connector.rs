//! What makes one connector different from another.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use switchyard_plugin_api::{prelude::*, script::RunProperties};

/// One row of the table of connectors.
#[derive(Debug, Clone, Copy)]
pub struct Connector {
    /// What pip installs; none for the generic ones, whose users say it.
    pub package: Option<&'static str>,
    /// The program; none for the generic ones.
    pub command: Option<&'static str>,
    /// What a tap can do.
    pub features: &'static [Feature],
    /// Keys of the configuration that are not simply the property's name in snake case.
    pub renamed: &'static [(&'static str, &'static str)],
    /// A target that writes files, which become outputs.
    pub writes_files: bool,
}

/// What a tap can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Feature {
    /// It takes the streams by `--properties`.
    Properties,
    /// It takes the streams by `--catalog`.
    Catalog,
    /// It can say which streams there are.
    Discover,
    /// It goes on where it ended.
    State,
}

/// A connector as a type, because the type name of a task is a constant of its type.
pub trait Named: Default + Send + Sync + 'static {
    /// Type name of its task.
    const TYPE: &'static str;
    /// Its row.
    const CONNECTOR: Connector;
    /// Where its configuration stands.
    type Config: Config;
}

/// Where the configuration of a connector stands.
pub trait Config: serde::de::DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The content of `config.json`.
    fn map(&self, connector: &Connector) -> Map<String, Value>;
    /// What the user says a tap can do.
    fn features(&self) -> Option<&[Feature]> {
        None
    }
}

/// A generic connector: the user gives the configuration as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generic {
    /// The connector's configuration; it becomes `config.json`.
    configs: Map<String, Value>,
    /// What the tap can do: `PROPERTIES` or `CATALOG`, `DISCOVER`, `STATE`.
    #[serde(default)]
    features: Option<Vec<Feature>>,
}

impl Config for Generic {
    fn map(&self, _: &Connector) -> Map<String, Value> {
        self.configs.clone()
    }

    fn features(&self) -> Option<&[Feature]> {
        self.features.as_deref()
    }
}

/// A known connector: its configuration is made of the task's other properties.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Known {
    /// All other properties are the connector's own, in camel case: `batchSizeRows` becomes `batch_size_rows`.
    #[serde(flatten)]
    configs: BTreeMap<String, Value>,
}

impl Config for Known {
    fn map(&self, connector: &Connector) -> Map<String, Value> {
        let written = self.configs.iter().filter(|(name, value)| !COMMON.contains(&name.as_str()) && !value.is_null());
        let key = |name: &str| {
            let renamed = connector.renamed.iter().find(|(property, _)| *property == name);
            renamed.map_or_else(|| snake_case(name), |(_, key)| (*key).to_owned())
        };
        written.map(|(name, value)| (key(name), value.clone())).collect()
    }
}

/// Properties that are none of the connector's, as they are written.
const COMMON: &[&str] = &[
    "id",
    "type",
    "description",
    "retry",
    "timeout",
    "disabled",
    "logLevel",
    "allowFailure",
    "allowWarning",
    "runIf",
    "logToFile",
    "workerGroup",
    "workerSelector",
    "assets",
    "stateName",
    "pipPackages",
    "command",
    "streamsConfigurations",
    "from",
    "features",
    "taskRunner",
    "containerImage",
    "runner",
    "docker",
    "env",
    "inputFiles",
    "outputFiles",
    "namespaceFiles",
];

fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Properties that taps and targets have in common.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// Name under which the state is kept, in the KV store of the flow's namespace.
    #[serde(default = "state_name")]
    pub state_name: String,
    /// What pip installs instead of the connector's own package. With an empty list nothing is installed: the program is there.
    #[serde(default)]
    pub pip_packages: Option<Vec<String>>,
    /// The program, when it is another than the connector's own.
    #[serde(default)]
    pub command: Option<String>,
    #[serde(flatten)]
    #[allow(dead_code, reason = "the host acts on them")]
    pub run: RunProperties,
}

fn state_name() -> String {
    "singer-state".into()
}

impl Common {
    /// What pip installs.
    pub fn packages(&self, connector: &Connector) -> Vec<String> {
        self.pip_packages.clone().unwrap_or_else(|| connector.package.map(str::to_owned).into_iter().collect())
    }

    /// The program.
    pub fn program(&self, connector: &Connector) -> Result<String, Error> {
        let given = self.command.clone().filter(|command| !command.is_empty());
        // A generic connector's program most often has its package's name.
        let package = || {
            self.pip_packages
                .iter()
                .flatten()
                .next()
                .map(|package| package.split(['=', '<', '>', '~', '[', ' ']).next().unwrap_or_default().to_owned())
        };
        given.or_else(|| connector.command.map(str::to_owned)).or_else(package).filter(|program| !program.is_empty()).ok_or_else(|| {
            Error::user("flow::missing_property", "nothing says which program the connector is").with_help("set `command`").at("/command")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_keys() {
        for (name, key) in [("host", "host"), ("batchSizeRows", "batch_size_rows"), ("startDate", "start_date")] {
            assert_eq!(snake_case(name), key);
        }
        let known: Known = serde_json::from_value(
            serde_json::json!({"username": "u", "startDate": "x", "env": {}, "taskRunner": {}, "port": 1, "no": null}),
        )
        .unwrap();
        let connector = Connector { package: None, command: None, features: &[], renamed: &[("username", "user")], writes_files: false };
        assert_eq!(Value::Object(known.map(&connector)), serde_json::json!({"port": 1, "start_date": "x", "user": "u"}));
    }
}
