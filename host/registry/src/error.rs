//! Why a type cannot be used.

use std::path::PathBuf;

use switchyard_plugin_api::{ComponentKind, ErrorKind};

use crate::gone;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No plugin brings it.
    #[error("there is no {} `{type_name}`", kind.map_or("component", noun))]
    UnknownType {
        type_name: String,
        kind: Option<ComponentKind>,
        /// Known types that may have been meant, the likeliest first.
        nearest: Vec<String>,
        directories: Vec<PathBuf>,
        /// Files in them that were refused.
        refused: usize,
    },
    #[error("`{type_name}` is a {}, not a {}", noun(*found), noun(*expected))]
    WrongKind { type_name: String, expected: ComponentKind, found: ComponentKind },
    /// Several plugins of one version bring it.
    #[error("`{type_name}` cannot be used: {reason}")]
    Conflict { type_name: String, reason: String },
    #[error("the lock file {} cannot be written: {reason}", path.display())]
    Lock { path: PathBuf, reason: String },
    #[error("`{type_name}` cannot be used, plugin {plugin}: {source}")]
    Plugin { type_name: String, plugin: String, source: Box<switchyard_plugin_api::Error> },
}

pub(crate) fn noun(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::TaskRunner => "task runner",
        ComponentKind::Task => "task",
    }
}

impl Error {
    /// Stable, such as `registry::unknown_type`.
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownType { .. } => "registry::unknown_type",
            Self::WrongKind { .. } => "registry::wrong_kind",
            Self::Conflict { .. } => "registry::type_conflict",
            Self::Lock { .. } => "registry::lock",
            Self::Plugin { source, .. } => &source.code,
        }
    }

    /// What to do.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownType { type_name, nearest, directories, refused, .. } => {
                if let Some(instead) = gone::instead_of(type_name) {
                    return Some(instead);
                }
                let meant = match nearest.as_slice() {
                    [] => String::new(),
                    names => format!("did you mean `{}`? ", names.join("` or `")),
                };
                let searched = match directories.as_slice() {
                    [] => "no plugin directory was searched".to_owned(),
                    paths => format!("searched: {}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")),
                };
                let refused = match refused {
                    0 => String::new(),
                    1 => "; 1 file there was refused, `switchyard plugins list` says why".to_owned(),
                    n => format!("; {n} files there were refused, `switchyard plugins list` says why"),
                };
                Some(format!("{meant}{searched}{refused}"))
            }
            Self::WrongKind { expected: ComponentKind::TaskRunner, .. } => Some("name a task runner below `taskRunner`".to_owned()),
            Self::WrongKind { .. } => Some("a task runner belongs below a script task's `taskRunner`".to_owned()),
            Self::Conflict { .. } => Some("remove one of the files, or give one of the plugins a higher version".to_owned()),
            Self::Lock { .. } => Some("the directory must be writable; run this as its owner".to_owned()),
            Self::Plugin { source, .. } => source.help.clone(),
        }
    }

    /// Who has to act.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownType { .. } | Self::WrongKind { .. } => ErrorKind::User,
            Self::Conflict { .. } | Self::Lock { .. } => ErrorKind::Environment,
            Self::Plugin { source, .. } => source.kind,
        }
    }
}

impl From<Error> for switchyard_plugin_api::Error {
    fn from(error: Error) -> Self {
        let mut plain = Self::new(error.kind(), error.code(), error.to_string());
        plain.help = error.help();
        if let Error::Plugin { source, .. } = error {
            plain.backtrace = source.backtrace;
        }
        plain
    }
}
