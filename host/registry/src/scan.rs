//! Looks through the plugin directories: what has not changed since the last start is known, the rest is inspected in parallel.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use switchyard_plugin_api::{Error, Manifest};

use crate::{
    cache::Cache,
    file::{self, Stamp},
    gate::{Gate, Gates},
    inspect::Inspector,
    options::{Directory, Options},
    plugin::Plugin,
    quarantine::Quarantine,
    refusal::Refusal,
    status::{State, Status},
    trust::Locks,
    verdict::{Index, Known, Verdict},
};

const EXTENSION: &str = std::env::consts::DLL_EXTENSION;

pub(crate) struct Scan {
    pub libraries: Vec<Plugin>,
    pub refused: Vec<Status>,
}

pub(crate) fn scan(options: &Options, quarantine: &Quarantine) -> Scan {
    let mut found = Scan { libraries: Vec::new(), refused: Vec::new() };
    let mut files = Vec::new();
    for directory in &options.directories {
        match list(directory, options) {
            Ok(listed) => {
                files.extend(listed);
                let absent = options.policy.absent(&directory.path).into_iter();
                found.refused.extend(absent.map(|(file, refusal)| Status::of_place(&file, State::Missing, &refusal.code, refusal.line())));
            }
            Err(refusal) => found.refused.push(Status::of_place(&directory.path, State::Missing, &refusal.code, refusal.line())),
        }
    }
    // A directory that is named twice is one directory.
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    if files.is_empty() {
        return found;
    }
    let cache = match Cache::open(&options.cache_dir, options.trust) {
        Ok(cache) => cache,
        Err(refusal) => {
            found.refused.extend(files.iter().map(|file| Status::of_place(file, State::Refused, &refusal.code, refusal.line())));
            return found;
        }
    };
    let mut index: Index = cache.read_index().unwrap_or_default();
    let mut locks = Locks::new();
    let (known, new): (Vec<_>, Vec<_>) =
        files.iter().cloned().partition(|path| is_unchanged(&cache, options, index.files.get(path), path, &mut locks));
    let inspected = inspect(&cache, options, &new);
    let mut unreadable: BTreeMap<PathBuf, Refusal> = BTreeMap::new();
    for (path, result) in inspected {
        match result {
            Ok(known) => drop(index.files.insert(path, known)),
            Err(refusal) => {
                index.files.remove(&path);
                unreadable.insert(path, refusal);
            }
        }
    }
    if known.len() < files.len() {
        index.files.retain(|path, _| path.exists());
        cache.write_index(&index);
        cache.prune(&index.files.values().map(|known| known.hash.as_str()).collect::<Vec<_>>());
    }
    let ids = index.files.values().filter_map(|known| known.brief.as_ref().ok()).map(|brief| brief.plugin.id.as_str());
    let quarantined = quarantine.read(&ids.collect::<Vec<_>>());
    for path in files {
        let refusal = match (index.files.remove(&path), unreadable.remove(&path)) {
            (Some(Known { hash, brief: Ok(brief), .. }), _) => {
                let copy = cache.library(&hash);
                let read = read_manifest(cache.clone(), options.clone(), hash.clone(), path.clone());
                let bad = quarantined.get(&brief.plugin.id).cloned();
                found.libraries.push(Plugin::library(options, bad, path, hash, copy, brief, read));
                continue;
            }
            (Some(Known { brief: Err(refusal), .. }), _) | (None, Some(refusal)) => refusal,
            (None, None) => continue,
        };
        found.refused.push(Status::of_place(&path, State::Refused, &refusal.code, refusal.line()));
    }
    found
}

/// Takes one file through every gate, whatever is remembered about it.
pub(crate) fn check(options: &Options, path: &Path) -> Vec<Gate> {
    match Cache::open(&options.cache_dir, options.trust) {
        Ok(cache) => {
            let inspection = Inspector { options, cache: &cache }.inspect(path, true);
            // The next start goes by what was found now.
            let mut index: Index = cache.read_index().unwrap_or_default();
            match inspection.known {
                Some(known) => drop(index.files.insert(path.to_owned(), known)),
                None => drop(index.files.remove(path)),
            }
            cache.write_index(&index);
            inspection.gates.0
        }
        Err(refusal) => {
            let mut gates = Gates::default();
            gates.fail("copy", refusal);
            gates.0
        }
    }
}

/// What a file says about itself, when it passes every gate.
pub(crate) fn manifest(options: &Options, path: &Path) -> Result<Manifest, Refusal> {
    let cache = Cache::open(&options.cache_dir, options.trust)?;
    Inspector { options, cache: &cache }.inspect(path, false).result
}

fn list(directory: &Directory, options: &Options) -> Result<Vec<PathBuf>, Refusal> {
    let metadata = match fs::metadata(&directory.path) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return Err(
                Refusal::new("plugin::not_a_directory", "it is not a directory").with_help("name the directory that holds the plugins")
            );
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if directory.explicit {
                return Err(Refusal::new("plugin::no_directory", "the directory does not exist").with_help("make it, or name another one"));
            }
            return Ok(Vec::new());
        }
        Err(error) => return Err(Refusal::new("plugin::unreadable", format!("the directory cannot be read: {error}"))),
    };
    file::examine_owner(&metadata, options.trust)?;
    let unreadable = |e: std::io::Error| Refusal::new("plugin::unreadable", format!("the directory cannot be read: {e}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory.path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_library(&path) {
            files.push(path);
        }
    }
    // The order of a directory is arbitrary, that of a report should not be.
    files.sort();
    Ok(files)
}

/// Whether a file of this name is looked at.
pub(crate) fn is_library(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension == EXTENSION)
}

/// Whether a file and its private copy are as they were when the verdict was made.
fn is_unchanged(cache: &Cache, options: &Options, known: Option<&Known>, path: &Path, locks: &mut Locks) -> bool {
    let Some(known) = known.filter(|known| options.policy.is_settled(path, known, locks)) else { return false };
    let stamp = fs::metadata(path).ok().and_then(|metadata| file::examine(&metadata, options.trust).ok());
    let copied = known.copy.is_none_or(|copy| Stamp::at(&cache.library(&known.hash)).is_ok_and(|now| now == copy));
    stamp == Some(known.stamp) && copied && known.copy.is_some() == known.brief.is_ok()
}

fn inspect(cache: &Cache, options: &Options, files: &[PathBuf]) -> Vec<(PathBuf, Result<Known, Refusal>)> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        let inspector = Inspector { options, cache };
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let inspection = inspector.inspect(path, false);
            let result = match (inspection.known, inspection.result) {
                (Some(known), _) => Ok(known),
                (None, Err(refusal)) => Err(refusal),
                (None, Ok(_)) => continue,
            };
            results.lock().unwrap_or_else(PoisonError::into_inner).push((path.clone(), result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(files.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Manifests are long and most starts need few of them.
fn read_manifest(cache: Cache, options: Options, hash: String, path: PathBuf) -> Box<dyn Fn() -> Result<Manifest, Error> + Send + Sync> {
    Box::new(move || {
        if let Some(Verdict { result: Ok(manifest), .. }) = cache.read_verdict(&hash) {
            return Ok(manifest);
        }
        // The entry is gone or broken: the private copy is made anew from the file, and so is the verdict.
        let inspection = Inspector { options: &options, cache: &cache }.inspect(&path, true);
        inspection.result.map_err(|refusal| {
            let mut error = Error::plugin(refusal.code, refusal.reason);
            error.help = refusal.help;
            error
        })
    })
}
