//! One plugin: compiled in, or a checked library that is opened at its first use.

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use switchyard_plugin_api::{Component, ComponentKind, DynTask, DynTaskRunner, Error, Manifest, PluginInfo, PluginSet, abi::host::Module};

use crate::{
    blame, elf,
    events::Forward,
    isolation::{Isolation, Placement},
    library,
    options::Options,
    pool::Pool,
    quarantine::Entry,
    remote::{Launch, Remote, Subprocess},
    timed::Timed,
    usage::Facts,
    verdict::{Brief, Names},
};

/// Reads a manifest that was not needed so far.
pub(crate) type ReadManifest = Box<dyn Fn() -> Result<Manifest, Error> + Send + Sync>;

pub(crate) struct Plugin {
    pub id: Arc<str>,
    pub info: PluginInfo,
    pub names: Vec<Names>,
    pub warnings: Vec<String>,
    origin: Origin,
    components: OnceLock<Result<Vec<Arc<Component>>, Error>>,
}

enum Origin {
    BuiltIn(Arc<PluginSet>),
    Library(Box<File>),
}

struct File {
    path: PathBuf,
    hash: String,
    copy: PathBuf,
    read_manifest: ReadManifest,
    placement: Placement,
    /// Why it is in a process of its own, whatever is configured.
    quarantine: Option<Entry>,
    process: Vec<OsString>,
    record: PathBuf,
    opened: OnceLock<Result<Opened, Error>>,
}

enum Opened {
    Here(Module),
    Apart(Arc<Subprocess>),
}

impl Plugin {
    pub fn built_in(set: PluginSet) -> Self {
        Self::of_set(Arc::new(set))
    }

    /// The same again, when it is compiled in.
    pub fn built_in_again(&self) -> Option<Self> {
        match &self.origin {
            Origin::BuiltIn(set) => Some(Self::of_set(Arc::clone(set))),
            Origin::Library(_) => None,
        }
    }

    fn of_set(set: Arc<PluginSet>) -> Self {
        let info = set.info().clone();
        let manifest = set.manifest();
        let names = manifest.components.iter().map(Names::of).collect();
        let components = OnceLock::from(Ok(manifest.components.into_iter().map(Arc::new).collect()));
        Self { id: info.id.as_str().into(), info, names, warnings: Vec::new(), origin: Origin::BuiltIn(set), components }
    }

    pub fn library(
        options: &Options,
        quarantine: Option<Entry>,
        path: PathBuf,
        hash: String,
        copy: PathBuf,
        brief: Brief,
        read_manifest: ReadManifest,
    ) -> Self {
        let types = brief.components.iter().flat_map(|names| std::iter::once(&names.type_name).chain(&names.aliases));
        let mut placement = options.isolation.placement(&brief.plugin.id, types.map(String::as_str));
        if quarantine.is_some() {
            placement.isolation = Isolation::Subprocess;
        }
        let (process, record) = (options.process.clone(), options.record_dir.clone());
        let file = File { path, hash, copy, read_manifest, placement, quarantine, process, record, opened: OnceLock::new() };
        Self {
            id: brief.plugin.id.as_str().into(),
            info: brief.plugin,
            names: brief.components,
            warnings: brief.warnings,
            origin: Origin::Library(Box::new(file)),
            components: OnceLock::new(),
        }
    }

    /// The file it came from; none for what is compiled in.
    pub fn path(&self) -> Option<&PathBuf> {
        match &self.origin {
            Origin::BuiltIn(_) => None,
            Origin::Library(file) => Some(&file.path),
        }
    }

    pub fn hash(&self) -> Option<&str> {
        match &self.origin {
            Origin::BuiltIn(_) => None,
            Origin::Library(file) => Some(&file.hash),
        }
    }

    /// `docker 1.2.0 (/plugins/docker.so)`.
    pub fn label(&self) -> String {
        let place = self.path().map_or_else(|| "built into the host".to_owned(), |path| path.display().to_string());
        format!("{} {} ({place})", self.info.id, self.info.version)
    }

    /// Whether its library is open, and if it could not be, why.
    pub fn opened(&self) -> Option<Result<(), &Error>> {
        match &self.origin {
            Origin::BuiltIn(_) => Some(Ok(())),
            Origin::Library(file) => file.opened.get().map(|opened| opened.as_ref().map(|_| ())),
        }
    }

    pub fn component(&self, index: usize) -> Result<Arc<Component>, Error> {
        let components = self.components.get_or_init(|| match &self.origin {
            Origin::BuiltIn(set) => Ok(set.manifest().components.into_iter().map(Arc::new).collect()),
            Origin::Library(file) => (file.read_manifest)().map(|manifest| manifest.components.into_iter().map(Arc::new).collect()),
        });
        let unknown = || Error::plugin("plugin::two_minds", format!("the manifest of plugin {} has fewer components than before", self.id));
        components.as_ref().map_err(Clone::clone)?.get(index).cloned().ok_or_else(unknown)
    }

    /// All that it says about itself.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        match &self.origin {
            Origin::BuiltIn(set) => Ok(set.manifest()),
            Origin::Library(file) => (file.read_manifest)(),
        }
    }

    /// Where its code runs, and why it is not where it was told to.
    pub fn placement(&self) -> (Isolation, Option<&Entry>) {
        match &self.origin {
            Origin::BuiltIn(_) => (Isolation::InProcess, None),
            Origin::Library(file) => (file.placement.isolation, file.quarantine.as_ref()),
        }
    }

    pub fn runner(&self, type_name: &str, pool: &Arc<Pool>) -> Result<Arc<dyn DynTaskRunner>, Error> {
        let file = match &self.origin {
            Origin::BuiltIn(set) => return set.find_runner(type_name).ok_or_else(|| self.missing(type_name)),
            Origin::Library(file) => file,
        };
        let inner: Arc<dyn DynTaskRunner> = match self.opened_library(file, pool)? {
            Opened::Here(module) => module.runner(type_name)?,
            Opened::Apart(process) => Arc::new(self.remote(process, ComponentKind::TaskRunner, type_name, pool)?),
        };
        Ok(Arc::new(Timed { inner, watch: pool.watch()?.clone(), plugin: self.id.clone() }))
    }

    pub fn task(&self, type_name: &str, pool: &Arc<Pool>) -> Result<Arc<dyn DynTask>, Error> {
        let file = match &self.origin {
            Origin::BuiltIn(set) => return set.find_task(type_name).ok_or_else(|| self.missing(type_name)),
            Origin::Library(file) => file,
        };
        let inner: Arc<dyn DynTask> = match self.opened_library(file, pool)? {
            Opened::Here(module) => module.task(type_name)?,
            Opened::Apart(process) => Arc::new(self.remote(process, ComponentKind::Task, type_name, pool)?),
        };
        Ok(Arc::new(Timed { inner, watch: pool.watch()?.clone(), plugin: self.id.clone() }))
    }

    /// What the system says of its threads, or of its process with its number; `None` as long as its library is not open.
    pub fn facts(&self) -> Option<(Facts, Option<u32>)> {
        let Origin::Library(file) = &self.origin else { return None };
        match file.opened.get()?.as_ref().ok()? {
            Opened::Here(_) => Some((Facts::of_threads(&self.id), None)),
            Opened::Apart(process) => {
                let living = process.pid().and_then(|pid| Some((Facts::of_process(pid)?, Some(pid))));
                Some(living.unwrap_or_default())
            }
        }
    }

    /// Bytes of thread-local data of each thread, and whether they take room in the static TLS block.
    pub fn thread_local(&self) -> (u64, bool) {
        match &self.origin {
            Origin::BuiltIn(_) => (0, false),
            Origin::Library(file) => elf::thread_local(&file.copy).unwrap_or_default(),
        }
    }

    /// Opens the library if it is not open; one in a process of its own waits there for its first call.
    pub fn open(&self, pool: &Arc<Pool>) -> Result<(), Error> {
        match &self.origin {
            Origin::BuiltIn(_) => Ok(()),
            Origin::Library(file) => self.opened_library(file, pool).map(|_| ()),
        }
    }

    fn remote(&self, process: &Arc<Subprocess>, kind: ComponentKind, type_name: &str, pool: &Arc<Pool>) -> Result<Remote, Error> {
        let place = self.names.iter().position(|names| names.kind == kind && names.type_name == type_name);
        let component = self.component(place.ok_or_else(|| self.missing(type_name))?)?;
        Ok(Remote {
            process: Arc::clone(process),
            watch: pool.watch()?.clone(),
            component: kind,
            type_name: type_name.into(),
            reattach: component.capabilities.reattach,
        })
    }

    fn opened_library<'a>(&self, file: &'a File, pool: &Arc<Pool>) -> Result<&'a Opened, Error> {
        file.opened.get_or_init(|| self.open_library(file, pool)).as_ref().map_err(Clone::clone)
    }

    fn open_library(&self, file: &File, pool: &Arc<Pool>) -> Result<Opened, Error> {
        let watch = pool.watch()?;
        if file.placement.isolation == Isolation::Subprocess {
            let launch = Launch {
                plugin: self.id.clone(),
                argv: file.process.clone(),
                library: file.copy.clone(),
                placement: file.placement.clone(),
            };
            let process = Arc::new(Subprocess::new(launch));
            let pinged = Arc::downgrade(&process);
            let ping = move || pinged.upgrade().map_or_else(|| Box::pin(std::future::ready(())) as _, |process| process.ping());
            watch.register(&self.id, true, Arc::new(ping));
            return Ok(Opened::Apart(process));
        }
        blame::watch(&file.record);
        let _entry = watch.enter(&self.id, "load");
        let opened = library::open(&file.copy).and_then(|library| library.module(true, library::guard(pool, &self.id)));
        let module = opened.map_err(|failure| {
            let mut error = Error::plugin(failure.refusal.code, failure.refusal.reason);
            error.help = failure.refusal.help;
            error
        })?;
        module.init(Forward::new(&self.id))?;
        let pinged = module.clone();
        watch.register(&self.id, false, Arc::new(move || pinged.ping()));
        Ok(Opened::Here(module))
    }

    fn missing(&self, type_name: &str) -> Error {
        Error::new(
            switchyard_plugin_api::ErrorKind::Internal,
            "registry::missing_component",
            format!("{} has no {type_name}", self.label()),
        )
    }
}
