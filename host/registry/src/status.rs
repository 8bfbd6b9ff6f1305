//! What is loaded and why not, one row per component or refused file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use switchyard_plugin_api::ComponentKind;

use crate::{cache, isolation::Isolation};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Compiled into the host.
    BuiltIn,
    /// Passed every check; its library is opened at first use.
    Ready,
    /// Its library is open.
    Loaded,
    /// Passed every check; the server that runs has another content of the file, or none.
    ActiveAfterRestart,
    /// The server that runs has it; the file is not there any more.
    GoneAfterRestart,
    /// Another plugin brings the type in a higher version.
    Superseded,
    /// Another plugin brings the type in the same version, so neither is used.
    Conflict,
    /// The file failed a check, or its library could not be opened.
    Refused,
    /// The directory is not there or not safe.
    Missing,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Ready => "ready",
            Self::Loaded => "loaded",
            Self::ActiveAfterRestart => "active after restart",
            Self::GoneAfterRestart => "gone after restart",
            Self::Superseded => "superseded",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::Missing => "missing",
        }
    }

    /// Whether flows of a host that starts now can use it.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::BuiltIn | Self::Ready | Self::Loaded | Self::ActiveAfterRestart)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Canonical type name; absent for a refused file.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ComponentKind>,
    /// The plugin's id; absent when the file does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Absent for what is compiled into the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// SHA-256 of the file's content; absent when the file is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    pub state: State,
    /// Where its code runs; absent for what is compiled into the host and for what is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// Why it runs in a process of its own, whatever is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// Such as `plugin::truncated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it is not used, in one line with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What works but should be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Status {
    pub(crate) fn of_place(file: &Path, state: State, code: &str, reason: String) -> Self {
        Self {
            type_name: None,
            aliases: Vec::new(),
            kind: None,
            plugin: None,
            version: None,
            file: Some(file.to_owned()),
            hash: None,
            state,
            isolation: None,
            quarantine: None,
            code: Some(code.to_owned()),
            reason: Some(reason),
            warnings: Vec::new(),
        }
    }

    /// What this row says, in one line.
    pub fn line(&self) -> String {
        let what = self.type_name.clone().or_else(|| self.file.as_ref().map(|file| file.display().to_string())).unwrap_or_default();
        let why = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{what} {}{why}", self.state.as_str())
    }
}

/// What stands beside a library for those who only see the directory.
#[derive(Serialize, Deserialize)]
struct Note<Components> {
    host: String,
    api: String,
    /// The server whose word this is. As long as it runs, other hosts leave the note to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<u32>,
    components: Components,
}

const ENDING: &str = ".status.json";

/// Whose word a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    Command,
    Server,
}

/// Writes `NAME.so.status.json` when it would say something new and the directory is writable. The error is a server that runs, whose
/// word the note is.
pub(crate) fn write_note(file: &Path, rows: &[&Status], author: Author) -> Result<(), u32> {
    let path = note(file);
    let present = fs::read(&path).ok();
    if let Some(pid) = present.as_deref().and_then(other_server) {
        return Err(pid);
    }
    let note = Note {
        host: env!("CARGO_PKG_VERSION").to_owned(),
        api: switchyard_plugin_api::API_VERSION.to_owned(),
        server: (author == Author::Server).then(std::process::id),
        components: rows,
    };
    let Ok(mut json) = serde_json::to_vec_pretty(&note) else { return Ok(()) };
    json.push(b'\n');
    if present.is_some_and(|present| present == json) {
        return Ok(());
    }
    // A directory that cannot be written has no notes; the list is still there.
    let _ = cache::write(&path, &json, 0o644);
    Ok(())
}

/// Removes the notes of a directory whose libraries are neither there nor among `kept`.
pub(crate) fn remove_notes(directory: &Path, kept: &[&Path]) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(library) = name.to_str().and_then(|name| name.strip_suffix(ENDING)) else { continue };
        let library = directory.join(library);
        let ours = || {
            let is_note = |bytes: &[u8]| serde_json::from_slice::<Note<IgnoredAny>>(bytes).is_ok();
            fs::read(entry.path()).is_ok_and(|bytes| is_note(&bytes) && other_server(&bytes).is_none())
        };
        if !kept.contains(&&*library) && library.symlink_metadata().is_err() && ours() {
            // Somebody else may have removed it: that is what was wanted.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn note(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ENDING);
    file.with_file_name(name)
}

/// The server that runs, and is not this one, whose word a note is.
fn other_server(note: &[u8]) -> Option<u32> {
    let server = serde_json::from_slice::<Note<IgnoredAny>>(note).ok()?.server?;
    // A number is given again; another program under it is no server.
    let name = |pid: &str| fs::read(Path::new("/proc").join(pid).join("comm")).ok();
    (server != std::process::id() && name(&server.to_string()).is_some_and(|there| Some(there) == name("self"))).then_some(server)
}
