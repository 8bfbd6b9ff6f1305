//! `journal`: a database that several hosts share.

use std::{fmt, time::Duration};

use switchyard_model::{Node, Path as Place, Violations};
use switchyard_plugin_api::{Error, IsoDuration};
use switchyard_store::journal::{Journal, Options, Sharing};

use super::{invalid, known};

const NAMES: &[&str] = &["url", "lease"];

/// Where the shared journal is.
#[derive(Clone, PartialEq, Eq)]
pub struct Shared {
    url: String,
    /// How long a silent host keeps what it runs.
    pub lease: Option<Duration>,
}

impl fmt::Debug for Shared {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Shared {
    /// `postgres://user:password@host:5432/database`.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), lease: None }
    }

    /// Connects, and waits until the journal can be used.
    /// Names the database on other systems.
    pub(crate) fn instance(&self) -> String {
        crate::instance::of_database(&self.url)
    }

    pub fn connect(&self, options: Options) -> Result<Journal, Error> {
        let usual = Sharing::default();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let sharing = Sharing { host: format!("{name}, {}", usual.host), lease: self.lease.unwrap_or(usual.lease) };
        Journal::connect(&self.url, sharing, options).map_err(|error| {
            Error::environment(error.code(), error.to_string()).with_help("check `journal` in switchyard.yaml, or SWITCHYARD_JOURNAL")
        })
    }
}

/// Either the URL, or a map.
pub(super) fn read(node: &Node, here: &Place<'_>, found: &mut Violations) -> Option<Shared> {
    if let Some(url) = node.as_str() {
        return Some(Shared::at(url));
    }
    known(node, here, NAMES, found);
    let lease = node.get("lease").map(|node| (node, node.as_str().and_then(IsoDuration::parse).map(|time| time.0)));
    if let Some((node, time)) = lease
        && time.is_none_or(|time| time < Duration::from_secs(1))
    {
        found.push(invalid(&here.key("lease"), node, "expected a duration of at least a second").with_help("write it as `PT15S`"));
    }
    let Some(url) = node.get("url").and_then(Node::as_str) else {
        let help = "write it as postgres://user:password@host:5432/database";
        found.push(invalid(&here.key("url"), node, "a shared journal needs its URL").with_help(help));
        return None;
    };
    Some(Shared { lease: lease.and_then(|(_, time)| time), ..Shared::at(url) })
}
