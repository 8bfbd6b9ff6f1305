//! The registry: every component by name, whatever it came from.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use switchyard_model::suggestion;
use switchyard_plugin_api::{Component, ComponentKind, DynTask, DynTaskRunner, Manifest, PluginSet};

use crate::{
    cache::Cache,
    catalog::{Catalog, Claim, Place},
    error::Error,
    gate::Gate,
    options::Options,
    plugin::Plugin,
    pool::Pool,
    quarantine::{Entry, Quarantine},
    refusal::Refusal,
    scan::{self, Scan},
    schema::Properties,
    status::{self, Author, State, Status, write_note},
    trust::{Change, Lock, Locked},
    usage::Usage,
};

/// Cheap to clone; plugins stay loaded as long as the host runs, whatever happens to it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    options: Options,
    plugins: Vec<Plugin>,
    catalog: Catalog,
    /// Directories and files that are not used.
    refused: Vec<Status>,
    pool: Arc<Pool>,
    quarantine: Quarantine,
    /// It was said that another server keeps the notes.
    told: AtomicBool,
    /// Schemas that were needed so far, by canonical type.
    schemas: Mutex<HashMap<String, Arc<Properties>>>,
}

/// A directory, and what a new lock file changes for its plugins, by file name.
pub type LockChanges = (PathBuf, Vec<(String, Change)>);

impl Registry {
    /// Scans the directories. What is wrong with any of them is in [`Registry::plugins`]; the rest is used.
    pub fn open(options: Options, built_in: Vec<PluginSet>) -> Self {
        let registry = Self::look(options, built_in.into_iter().map(Plugin::built_in).collect());
        let quarantined = registry.0.plugins.iter().filter_map(|plugin| plugin.placement().1.map(|entry| (plugin, entry)));
        for (plugin, entry) in quarantined {
            tracing::warn!(plugin = &*plugin.id, reason = %entry.reason, "in quarantine: the plugin runs in a process of its own");
        }
        if registry.0.options.write_status {
            registry.write_notes(&registry.plugins());
        }
        registry
    }

    /// What a host that starts now with the same options would have. Opens no library.
    pub fn afresh(&self) -> Self {
        Self::look(self.0.options.clone(), self.0.plugins.iter().filter_map(Plugin::built_in_again).collect())
    }

    fn look(options: Options, built_in: Vec<Plugin>) -> Self {
        let quarantine = Quarantine::new(&options.record_dir);
        let Scan { libraries, refused } = scan::scan(&options, &quarantine);
        let plugins: Vec<Plugin> = built_in.into_iter().chain(libraries).collect();
        let catalog = Catalog::of(&plugins);
        let record = quarantine.clone();
        let blocked = Arc::new(move |plugin: &str, reason: String| record.add(plugin, &reason));
        let pool = Pool::new(options.pool_threads, options.slow_call, options.unresponsive_after, blocked);
        Self(Arc::new(Inner {
            options,
            plugins,
            catalog,
            refused,
            pool,
            quarantine,
            told: AtomicBool::new(false),
            schemas: Mutex::default(),
        }))
    }

    /// The task runner of a type, by any of its names. Opens its library at the first call.
    pub fn runner(&self, type_name: &str) -> Result<Arc<dyn DynTaskRunner>, Error> {
        let (plugin, place, canonical) = self.find(type_name, Some(ComponentKind::TaskRunner))?;
        self.expect(canonical, place, ComponentKind::TaskRunner)?;
        plugin.runner(canonical, &self.0.pool).map_err(|source| failed(canonical, plugin, source))
    }

    /// The task of a type, by any of its names. Opens its library at the first call.
    pub fn task(&self, type_name: &str) -> Result<Arc<dyn DynTask>, Error> {
        let (plugin, place, canonical) = self.find(type_name, Some(ComponentKind::Task))?;
        self.expect(canonical, place, ComponentKind::Task)?;
        plugin.task(canonical, &self.0.pool).map_err(|source| failed(canonical, plugin, source))
    }

    /// What a component says about itself. Opens no library.
    pub fn component(&self, type_name: &str) -> Result<Arc<Component>, Error> {
        let (plugin, place, canonical) = self.find(type_name, None)?;
        plugin.component(place.component).map_err(|source| failed(canonical, plugin, source))
    }

    /// The kind of a component, without reading more than its name.
    pub fn kind(&self, type_name: &str) -> Option<ComponentKind> {
        let place = self.0.catalog.types.get(self.canonical(type_name)?)?.clone().ok()?;
        Some(self.0.plugins[place.plugin].names[place.component].kind)
    }

    /// The current name of a type, for any of its names; `None` when no plugin brings it.
    pub fn canonical(&self, type_name: &str) -> Option<&str> {
        self.0.catalog.canonical(type_name)
    }

    /// Kind and canonical name of every usable component, by name.
    pub fn types(&self) -> impl Iterator<Item = (ComponentKind, &str)> {
        let places = self.0.catalog.types.iter().filter_map(|(name, place)| place.as_ref().ok().map(|place| (name, place)));
        places.map(|(name, place)| (self.0.plugins[place.plugin].names[place.component].kind, name.as_str()))
    }

    /// Every usable component. One whose manifest cannot be read is left out and logged.
    pub fn components(&self) -> Vec<Arc<Component>> {
        let components = self.types().map(|(_, name)| self.component(name));
        components.filter_map(|component| component.inspect_err(|error| tracing::warn!(%error, "a component is left out")).ok()).collect()
    }

    /// Opens every library now. Answers those that failed.
    pub fn load_all(&self) -> Vec<(PathBuf, switchyard_plugin_api::Error)> {
        let open = |plugin: &Plugin| plugin.open(&self.0.pool).err().zip(plugin.path().cloned()).map(|(error, path)| (path, error));
        self.0.plugins.iter().filter_map(open).collect()
    }

    /// The directories that are looked into.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.0.options.directories.iter().map(|directory| directory.path.clone()).collect()
    }

    /// What is loaded and why not: a row per component, then one per refused file and directory.
    pub fn plugins(&self) -> Vec<Status> {
        let rows = self.0.plugins.iter().enumerate();
        rows.flat_map(|(at, plugin)| (0..plugin.names.len()).map(move |component| self.row(Place { plugin: at, component })))
            .chain(self.0.refused.iter().cloned())
            .collect()
    }

    /// Takes a file through every gate, afresh. The last gate is the failed one, if any.
    pub fn check(&self, file: &Path) -> Vec<Gate> {
        scan::check(&self.0.options, file)
    }

    /// Plugins that harmed the host in its own process and therefore run apart from it.
    pub fn quarantined(&self) -> BTreeMap<String, Entry> {
        self.0.quarantine.read(&[])
    }

    /// Writes the lock file of each directory that has usable plugins; answers what changed in which.
    pub fn lock(&self) -> Result<Vec<LockChanges>, Error> {
        let mut locks: BTreeMap<PathBuf, BTreeMap<String, Locked>> = BTreeMap::new();
        for plugin in &self.0.plugins {
            let (Some(path), Some(hash)) = (plugin.path(), plugin.hash()) else { continue };
            let manifest = plugin.manifest().map_err(|source| failed(&plugin.id, plugin, source))?;
            let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { continue };
            let locked = Locked::of(path, hash, &plugin.info, &manifest);
            locks.entry(directory.to_owned()).or_default().insert(name.to_owned(), locked);
        }
        let write = |(directory, plugins): (PathBuf, BTreeMap<String, Locked>)| {
            let changes = Lock::new(plugins)
                .write(&directory)
                .map_err(|error| Error::Lock { path: Lock::path(&directory), reason: error.to_string() })?;
            Ok((directory, changes))
        };
        locks.into_iter().map(write).collect()
    }

    /// Ends a plugin's quarantine: from the next start it runs where it is configured to. `false` when there was none.
    pub fn release(&self, plugin: &str) -> std::io::Result<bool> {
        self.0.quarantine.release(plugin)
    }

    /// What a file says about itself, or why it would be refused. The file need not be in one of the directories.
    pub fn manifest(&self, file: &Path) -> Result<Manifest, Refusal> {
        scan::manifest(&self.0.options, file)
    }

    /// Compiles a component's schema at its first use.
    pub(crate) fn compiled(&self, component: &Component) -> Result<Arc<Properties>, Error> {
        let mut schemas = self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = schemas.get(&component.type_name) {
            return Ok(known.clone());
        }
        let compiled = Properties::new(component.schema.clone()).map(Arc::new).map_err(|reason| Error::Plugin {
            type_name: component.type_name.clone(),
            plugin: component.type_name.clone(),
            source: Box::new(switchyard_plugin_api::Error::plugin("plugin::bad_schema", reason)),
        })?;
        schemas.insert(component.type_name.clone(), compiled.clone());
        Ok(compiled)
    }

    /// Whether a name means a usable task runner.
    pub(crate) fn expect_runner(&self, written: &str) -> Result<(), Error> {
        let (_, place, canonical) = self.find(written, Some(ComponentKind::TaskRunner))?;
        self.expect(canonical, place, ComponentKind::TaskRunner)
    }

    fn find(&self, written: &str, kind: Option<ComponentKind>) -> Result<(&Plugin, Place, &str), Error> {
        let canonical = self.canonical(written).ok_or_else(|| self.unknown(written, kind))?;
        match self.0.catalog.types.get(canonical) {
            Some(Ok(place)) => Ok((&self.0.plugins[place.plugin], *place, canonical)),
            Some(Err(reason)) => Err(Error::Conflict { type_name: written.to_owned(), reason: reason.clone() }),
            None => Err(self.unknown(written, kind)),
        }
    }

    fn expect(&self, canonical: &str, place: Place, expected: ComponentKind) -> Result<(), Error> {
        let found = self.0.plugins[place.plugin].names[place.component].kind;
        if found == expected { Ok(()) } else { Err(Error::WrongKind { type_name: canonical.to_owned(), expected, found }) }
    }

    fn unknown(&self, written: &str, kind: Option<ComponentKind>) -> Error {
        let is_wanted = |found: ComponentKind| kind.is_none_or(|kind| kind == found);
        let own = switchyard_model::catalog::tasks().filter(|_| is_wanted(ComponentKind::Task)).map(|spec| spec.name);
        let known: Vec<&str> = self.types().filter(|(kind, _)| is_wanted(*kind)).map(|(_, name)| name).chain(own).collect();
        // Mostly the package is what is misremembered, so the same last part counts first.
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().trim_end_matches("TaskRunner").to_lowercase();
        let mut nearest: Vec<&str> = known.iter().copied().filter(|name| last(name) == last(written) && !last(name).is_empty()).collect();
        if let Some(name) = suggestion::nearest(written, known.iter().copied())
            && !nearest.contains(&name)
        {
            nearest.insert(0, name);
        }
        nearest.truncate(3);
        Error::UnknownType {
            type_name: written.to_owned(),
            kind,
            nearest: nearest.into_iter().map(str::to_owned).collect(),
            directories: self.directories(),
            refused: self.0.refused.iter().filter(|row| row.state == State::Refused).count(),
        }
    }

    fn row(&self, place: Place) -> Status {
        let plugin = &self.0.plugins[place.plugin];
        let names = &plugin.names[place.component];
        let (state, code, reason) = match (self.0.catalog.claims.get(&place), plugin.opened()) {
            (Some(Claim::Superseded(reason)), _) => (State::Superseded, Some("plugin::superseded".to_owned()), Some(reason.clone())),
            (Some(Claim::Conflict(reason)), _) => (State::Conflict, Some("registry::type_conflict".to_owned()), Some(reason.clone())),
            (_, Some(Err(error))) => (State::Refused, Some(error.code.clone()), Some(error.to_string())),
            (_, Some(Ok(()))) if plugin.path().is_none() => (State::BuiltIn, None, None),
            (_, Some(Ok(()))) => (State::Loaded, None, None),
            (_, None) => (State::Ready, None, None),
        };
        let (isolation, quarantine) = plugin.placement();
        let aliases = self.0.catalog.warnings.get(&place).into_iter().flatten().cloned();
        let warnings = plugin.warnings.iter().cloned().chain(aliases).chain(self.0.pool.trouble(&plugin.id)).collect();
        Status {
            type_name: Some(names.type_name.clone()),
            aliases: names.aliases.clone(),
            kind: Some(names.kind),
            plugin: Some(plugin.info.id.clone()),
            version: Some(plugin.info.version.clone()),
            file: plugin.path().cloned(),
            hash: plugin.hash().map(str::to_owned),
            state,
            isolation: plugin.path().map(|_| isolation),
            quarantine: quarantine.map(|entry| entry.reason.clone()),
            code,
            reason,
            warnings,
        }
    }

    /// Writes beside each library what the rows say about it, and removes what stands beside libraries that are gone.
    pub(crate) fn write_notes(&self, rows: &[Status]) {
        let author = if self.0.options.serves { Author::Server } else { Author::Command };
        let mut by_file: BTreeMap<&Path, Vec<&Status>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.state != State::Missing) {
            if let Some(file) = &row.file {
                by_file.entry(file).or_default().push(row);
            }
        }
        if author == Author::Server {
            let kept: Vec<&Path> = by_file.keys().copied().collect();
            self.0.options.directories.iter().for_each(|directory| status::remove_notes(&directory.path, &kept));
        }
        let mut others = BTreeSet::new();
        for (file, rows) in by_file {
            others.extend(write_note(file, &rows, author).err());
        }
        if let (Author::Server, Some(pid)) = (author, others.first())
            && !self.0.told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                pid,
                "another server has the same plugins: the `.status.json` files beside them are its word as long as it runs"
            );
        }
    }

    /// Every manifest of a library, by file. One that cannot be read is left out and logged.
    pub fn manifests(&self) -> BTreeMap<PathBuf, Manifest> {
        let read = |plugin: &Plugin| {
            let manifest = plugin.manifest().inspect_err(|error| tracing::warn!(plugin = &*plugin.id, %error, "a manifest is left out"));
            Some((plugin.path()?.clone(), manifest.ok()?))
        };
        self.0.plugins.iter().filter(|plugin| plugin.path().is_some()).filter_map(read).collect()
    }

    /// What each open library has cost since the host started.
    pub fn usage(&self) -> Vec<Usage> {
        let usage = |plugin: &Plugin| {
            let (facts, pid) = plugin.facts()?;
            let calls = self.0.pool.calls(&plugin.id);
            let (thread_local, static_tls) = plugin.thread_local();
            let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            Some(Usage {
                plugin: plugin.info.id.clone(),
                version: plugin.info.version.clone(),
                isolation: plugin.placement().0,
                calls: calls.count,
                busy_micros: micros(calls.busy),
                longest_micros: micros(calls.longest),
                running: calls.running,
                polls: calls.polls,
                poll_micros: micros(calls.polling),
                errors: calls.errors,
                thread_local,
                static_tls,
                threads: facts.threads,
                cpu_millis: facts.cpu_millis,
                pid,
                memory_kib: facts.memory_kib,
                open_files: facts.open_files,
                trouble: self.0.pool.trouble(&plugin.id),
            })
        };
        self.0.plugins.iter().filter_map(usage).collect()
    }

    /// Says that the private copies are in use: what nobody has touched for long is removed from the cache by whoever starts next.
    pub(crate) fn keep_copies(&self) {
        let cache = Cache::open(&self.0.options.cache_dir, self.0.options.trust);
        // What is wrong with the cache was said when it was read.
        let Ok(cache) = cache else { return };
        self.0.plugins.iter().filter_map(Plugin::hash).for_each(|hash| cache.mark_used(hash));
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }
}

fn failed(type_name: &str, plugin: &Plugin, source: switchyard_plugin_api::Error) -> Error {
    Error::Plugin { type_name: type_name.to_owned(), plugin: plugin.label(), source: Box::new(source) }
}
