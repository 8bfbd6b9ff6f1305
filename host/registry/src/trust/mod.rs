//! Which plugins an administrator allows: pinned by a lock file, signed by a known key, named in a list. All of it without a network.

mod lock;
mod signature;

use std::{collections::HashMap, path::Path};

pub use lock::{Change, Lock, Locked};
pub use signature::{BadKey, Key};

use crate::{gate::Gates, pattern::Pattern, refusal::Refusal, verdict::Known};

/// What is asked of a plugin before it is used. Nothing, unless something is configured.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Only what the lock file of its directory pins.
    pub locked: bool,
    /// Only what is signed by one of the keys. Without it an unsigned plugin passes, a badly signed one does not.
    pub require_signatures: bool,
    pub keys: Vec<Key>,
    /// Ids or types; one that fits is enough. `None` allows all.
    pub allow: Option<Vec<Pattern>>,
}

/// Refusals by what is configured now: another start may see it otherwise.
pub(crate) const CODES: &[&str] = &[
    "plugin::no_lock",
    "plugin::bad_lock",
    "plugin::not_locked",
    "plugin::lock_mismatch",
    "plugin::unsigned",
    "plugin::bad_signature",
    "plugin::unknown_key",
    "plugin::not_allowed",
];

/// Gates that are not remembered with a verdict.
pub(crate) const GATES: &[&str] = &["lock", "signature", "allow"];

/// Lock files that were read in this scan, by directory.
pub(crate) type Locks = HashMap<std::path::PathBuf, Result<Lock, Refusal>>;

impl Policy {
    /// Lock and signature of a file. Answers a proof that the next start can compare without reading the library.
    pub(crate) fn admit(
        &self,
        path: &Path,
        bytes: &[u8],
        hash: &str,
        describe: impl Fn() -> String,
        gates: &mut Gates,
    ) -> Result<Option<String>, Refusal> {
        if self.locked {
            let pinned = Lock::read(directory(path)).and_then(|lock| lock.admit(path, hash, &describe));
            let pinned = pinned.map_err(|refusal| gates.fail("lock", refusal))?;
            gates.pass("lock", pinned);
        }
        if self.keys.is_empty() && !self.require_signatures {
            return Ok(None);
        }
        match signature::examine(path, bytes, &self.keys).map_err(|refusal| gates.fail("signature", refusal))? {
            Some(signed) => {
                gates.pass("signature", signed.detail);
                Ok(Some(signed.proof))
            }
            None if self.require_signatures => {
                let reason = format!("it is not signed: there is no {}", signature::file_name(path));
                let refusal = Refusal::new("plugin::unsigned", reason)
                    .with_help("sign it with `minisign -Sm FILE` and a key that is configured, or turn `requireSignatures` off");
                Err(gates.fail("signature", refusal))
            }
            None => {
                gates.warn("signature", "it is not signed");
                Ok(None)
            }
        }
    }

    /// Files that a directory's lock pins and that are not there.
    pub(crate) fn absent(&self, directory: &Path) -> Vec<(std::path::PathBuf, Refusal)> {
        let Some(lock) = self.locked.then(|| Lock::read(directory).ok()).flatten() else { return Vec::new() };
        let absent = lock.plugins.iter().map(|(name, locked)| (directory.join(name), locked)).filter(|(path, _)| !path.exists());
        let refusal = |locked: &Locked| {
            Refusal::new("plugin::locked_absent", format!("{} {} is locked, but the file is not there", locked.plugin, locked.version))
                .with_help("bring it back, or write the lock file again with `switchyard plugins lock`")
        };
        absent.map(|(path, locked)| (path, refusal(locked))).collect()
    }

    /// Whether the list allows it.
    pub(crate) fn allows<'a>(&self, id: &'a str, types: impl Iterator<Item = &'a str>, gates: &mut Gates) -> Result<(), Refusal> {
        let Some(allowed) = &self.allow else { return Ok(()) };
        let mut names = std::iter::once(id).chain(types);
        if let Some(pattern) = names.find_map(|name| allowed.iter().find(|pattern| pattern.fits(name))) {
            gates.pass("allow", format!("`{pattern}` allows it"));
            return Ok(());
        }
        let allowed = allowed.iter().map(Pattern::to_string).collect::<Vec<_>>().join("`, `");
        let refusal = Refusal::new("plugin::not_allowed", format!("plugin {id} is not among those that are allowed: `{allowed}`"))
            .with_help("add its id or one of its types to `plugins.trust.allow`");
        Err(gates.fail("allow", refusal))
    }

    /// Whether what is remembered about a file still answers every question. `false` means: ask again.
    pub(crate) fn is_settled(&self, path: &Path, known: &Known, locks: &mut Locks) -> bool {
        let Ok(brief) = &known.brief else { return true };
        if self.locked {
            let lock = locks.entry(directory(path).to_owned()).or_insert_with_key(|directory| Lock::read(directory));
            if !lock.as_ref().is_ok_and(|lock| lock.pins(path, &known.hash)) {
                return false;
            }
        }
        if (self.require_signatures || !self.keys.is_empty()) && !signature::is_proven(path, &self.keys, known.signed.as_deref()) {
            return false;
        }
        let types = brief.components.iter().map(|names| names.type_name.as_str());
        self.allows(&brief.plugin.id, types, &mut Gates::default()).is_ok()
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
