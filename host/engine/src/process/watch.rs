//! Waiting for a file descriptor without a thread.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Hands a descriptor to the reactor, to be waited for until it is readable.
// The replacement is `unsafe`, because the type it takes might change its descriptor. An `OwnedFd` does not.
#[expect(deprecated)]
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}
