//! The process in which a plugin is tested: reads what to check from standard input, writes a line per event to standard output.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use switchyard_plugin_api::{
    ComponentKind,
    testkit::{self, Options, Row},
};
use switchyard_registry::{Directory, Registry};

use crate::{exit::Exit, failure::Failure, host::registry_options};

/// Before each message, since the plugin may write to standard output as well.
pub const MARK: &str = "switchyard-conformance ";

/// What the child is asked to check.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// A directory with the library alone.
    pub directory: PathBuf,
    #[serde(rename = "type")]
    pub type_name: String,
    pub options: Options,
    pub names: Vec<String>,
}

/// What the child tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// The check of this behaviour begins.
    Begins(String),
    Row(Row),
    /// The plugin cannot be used at all.
    Unusable(String),
    Done,
}

pub fn main() -> Result<Exit, Failure> {
    let mut text = String::new();
    if let Err(error) = io::stdin().read_to_string(&mut text) {
        return Err(Failure::output(&error));
    }
    let order: Order = serde_json::from_str(&text).map_err(|error| Failure::output(&error.into()))?;
    let mut options = registry_options();
    // What happens here is no reason to keep the plugin away from a host.
    options.cache_dir = order.directory.with_file_name(format!("cache-{}", std::process::id()));
    options.record_dir.clone_from(&options.cache_dir);
    options.directories = vec![Directory::explicit(&order.directory)];
    options.write_status = false;
    let registry = Registry::open(options, Vec::new());
    match check(&registry, order) {
        Ok(()) => say(&Message::Done),
        Err(error) => say(&Message::Unusable(error.to_string())),
    }
    Ok(Exit::Success)
}

fn check(registry: &Registry, order: Order) -> Result<(), switchyard_registry::Error> {
    let component = registry.component(&order.type_name)?;
    let names: Vec<&str> = order.names.iter().map(String::as_str).collect();
    let begins = |name: &str| say(&Message::Begins(name.to_owned()));
    let row = |row: &Row| say(&Message::Row(row.clone()));
    if component.kind == ComponentKind::Task {
        testkit::run_some_of_task(registry.task(&order.type_name)?, &component, order.options, &names, begins, row);
    } else {
        testkit::run_some(registry.runner(&order.type_name)?, &component, order.options, &names, begins, row);
    }
    Ok(())
}

fn say(message: &Message) {
    if let Ok(json) = serde_json::to_string(message) {
        let mut stdout = io::stdout().lock();
        // Without a parent nobody needs the report.
        let _ = writeln!(stdout, "\n{MARK}{json}").and_then(|()| stdout.flush());
    }
}
