//! One plugin: compiled in, or a checked library that is opened at its first use.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use switchyard_plugin_api::{Component, DynTask, DynTaskRunner, Error, Manifest, PluginInfo, PluginSet, abi::host::Module};

use crate::{
    events::Forward,
    library,
    pool::Pool,
    timed::Timed,
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
    BuiltIn(Box<PluginSet>),
    Library(Box<File>),
}

struct File {
    path: PathBuf,
    hash: String,
    copy: PathBuf,
    read_manifest: ReadManifest,
    module: OnceLock<Result<Module, Error>>,
}

impl Plugin {
    pub fn built_in(set: PluginSet) -> Self {
        let info = set.info().clone();
        let manifest = set.manifest();
        let names = manifest.components.iter().map(Names::of).collect();
        let components = OnceLock::from(Ok(manifest.components.into_iter().map(Arc::new).collect()));
        Self { id: info.id.as_str().into(), info, names, warnings: Vec::new(), origin: Origin::BuiltIn(Box::new(set)), components }
    }

    pub fn library(path: PathBuf, hash: String, copy: PathBuf, brief: Brief, read_manifest: ReadManifest) -> Self {
        let file = File { path, hash, copy, read_manifest, module: OnceLock::new() };
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
            Origin::Library(file) => file.module.get().map(|module| module.as_ref().map(|_| ())),
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

    pub fn runner(&self, type_name: &str, pool: &Arc<Pool>) -> Result<Arc<dyn DynTaskRunner>, Error> {
        match &self.origin {
            Origin::BuiltIn(set) => set.find_runner(type_name).ok_or_else(|| self.missing(type_name)),
            Origin::Library(file) => {
                let inner = self.module(file, pool)?.runner(type_name)?;
                Ok(Arc::new(Timed { inner, watch: pool.watch()?.clone(), plugin: self.id.clone() }))
            }
        }
    }

    pub fn task(&self, type_name: &str, pool: &Arc<Pool>) -> Result<Arc<dyn DynTask>, Error> {
        match &self.origin {
            Origin::BuiltIn(set) => set.find_task(type_name).ok_or_else(|| self.missing(type_name)),
            Origin::Library(file) => {
                let inner = self.module(file, pool)?.task(type_name)?;
                Ok(Arc::new(Timed { inner, watch: pool.watch()?.clone(), plugin: self.id.clone() }))
            }
        }
    }

    /// Opens the library if it is not open.
    pub fn open(&self, pool: &Arc<Pool>) -> Result<(), Error> {
        match &self.origin {
            Origin::BuiltIn(_) => Ok(()),
            Origin::Library(file) => self.module(file, pool).map(|_| ()),
        }
    }

    fn module<'a>(&self, file: &'a File, pool: &Arc<Pool>) -> Result<&'a Module, Error> {
        file.module.get_or_init(|| self.load(file, pool)).as_ref().map_err(Clone::clone)
    }

    fn load(&self, file: &File, pool: &Arc<Pool>) -> Result<Module, Error> {
        let watch = pool.watch()?;
        let _entry = watch.enter(&self.id, "load");
        let opened = library::open(&file.copy).and_then(|library| library.module(true, library::guard(pool, &self.id)));
        let module = opened.map_err(|failure| {
            let mut error = Error::plugin(failure.refusal.code, failure.refusal.reason);
            error.help = failure.refusal.help;
            error
        })?;
        module.init(Forward::new(&self.id))?;
        let pinged = module.clone();
        watch.register(&self.id, Arc::new(move || pinged.ping()));
        Ok(module)
    }

    fn missing(&self, type_name: &str) -> Error {
        Error::new(
            switchyard_plugin_api::ErrorKind::Internal,
            "registry::missing_component",
            format!("{} has no {type_name}", self.label()),
        )
    }
}
