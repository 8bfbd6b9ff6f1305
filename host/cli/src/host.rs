//! What every command that knows components needs: the configuration and the registry.

use std::{
    env,
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use switchyard_engine::{Config, Keeper, Loaded, load};
use switchyard_model::{Sources, Violations};
use switchyard_registry::{Options, Registry, State};

use crate::{arguments::Globals, failure::Failure, place};

/// Read when nobody names another one.
const CONFIG: &str = "switchyard.yaml";
const ENCRYPTION_KEY: &str = "SWITCHYARD_ENCRYPTION_KEY";

pub struct Host {
    pub config: Arc<Config>,
    pub registry: Registry,
    /// Every text that was read.
    pub sources: Sources,
}

impl Host {
    pub fn open(globals: &Globals) -> Result<Self, Failure> {
        Self::open_with(globals, |_| {})
    }

    /// With something else than usual.
    pub fn open_with(globals: &Globals, change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        Self::open_kept(globals, None, change)
    }

    /// With a keeper, local processes outlive the host.
    pub fn open_kept(globals: &Globals, keeper: Option<Keeper>, change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        let mut sources = Sources::new();
        let mut config = configuration(globals, &mut sources)?;
        if let Some(url) = &globals.journal {
            config.journal = Some(switchyard_engine::config::Shared::at(url));
        }
        let mut options = registry_options();
        options.isolation = config.isolation.clone();
        options.policy = config.policy.clone();
        options.policy.locked |= globals.locked;
        options.directories = place::plugin_directories(&globals.plugins, &config.plugin_directories);
        change(&mut options);
        let registry = Registry::open(options, vec![switchyard_engine::built_in(keeper)]);
        for row in registry.plugins().iter().filter(|row| row.state == State::Missing) {
            let what = if row.code.as_deref() == Some("plugin::locked_absent") { "plugin" } else { "plugin directory" };
            tracing::warn!("{what} {}", row.line());
        }
        Ok(Self { config: Arc::new(config), registry, sources })
    }

    /// Reads a flow; `-` is standard input.
    pub fn load(&mut self, file: &Path) -> Result<Loaded, Violations> {
        if file != Path::new("-") {
            return load::file(file, &self.registry, &self.config, &mut self.sources);
        }
        let mut bytes = Vec::new();
        if let Err(error) = std::io::stdin().lock().read_to_end(&mut bytes) {
            tracing::warn!(%error, "standard input cannot be read to its end");
        }
        load::bytes_of("standard input", &bytes, &self.registry, &self.config, &mut self.sources)
    }

    /// Why a text is no flow, for the screen.
    pub fn failure(self, violations: Violations) -> Failure {
        Failure::findings(violations, self.sources)
    }
}

/// How plugins are checked, without directories.
pub fn registry_options() -> Options {
    let program = env::current_exe().map_or_else(|_| OsString::from("switchyard"), PathBuf::into_os_string);
    let mut options = Options::new(place::cache().join("plugins"), vec![program.clone(), "__preflight".into()]);
    options.process = vec![program, "__plugin".into()];
    options
}

/// The file's configuration; the key of the environment wins, since a key in a file is easily shared by accident.
pub fn configuration(globals: &Globals, sources: &mut Sources) -> Result<Config, Failure> {
    let mut config = written(globals, sources)?;
    if let Ok(key) = env::var(ENCRYPTION_KEY) {
        config.encryption_key = Some(key);
    }
    Ok(config)
}

/// The journal that several hosts share, when there is one.
pub fn shared_journal(globals: &Globals) -> Result<Option<switchyard_engine::config::Shared>, Failure> {
    match &globals.journal {
        Some(url) => Ok(Some(switchyard_engine::config::Shared::at(url))),
        None => Ok(configuration(globals, &mut Sources::new())?.journal),
    }
}

fn written(globals: &Globals, sources: &mut Sources) -> Result<Config, Failure> {
    let file = match &globals.config {
        Some(file) => file.clone(),
        None if Path::new(CONFIG).is_file() => PathBuf::from(CONFIG),
        None => return Ok(Config::default()),
    };
    Config::read(&file, sources).map_err(|violations| Failure::findings(violations, sources.clone()))
}
