//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for ten thousand tasks at a time. Tasks inherit it, and some programs close every number below the limit when they start.
const ENOUGH: u64 = 65_536;

/// Systems start a program with a soft limit of 1,024 for the sake of others; a running task holds a few files open.
pub fn allow() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it was");
    }
}
