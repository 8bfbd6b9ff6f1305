//! What the plugins of clouds share. A library of theirs and no plugin: it is compiled into each of them.
//!
//! `http` sends requests until they are answered, `follow` goes with a job to its end, `local` reads and writes the working directory;
//! `google` is what every service of Google's has in common. `fake` is the other side of all that, for tests.

#![forbid(unsafe_code)]

#[cfg(feature = "fake")]
pub mod fake;
pub mod follow;
pub mod google;
pub mod http;
pub mod local;
pub mod name;
pub mod position;
