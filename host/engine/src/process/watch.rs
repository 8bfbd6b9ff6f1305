//! Waiting for a file descriptor without a thread.

use std::{io, os::fd::AsRawFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Hands a descriptor to the reactor, to be waited for until it is readable.
// The replacement is `unsafe`, because the type it takes might change its descriptor. `OwnedFd` and `BorrowedFd` do not.
#[expect(deprecated)]
pub(crate) fn watch<F: AsRawFd>(fd: F) -> io::Result<AsyncFd<F>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}
