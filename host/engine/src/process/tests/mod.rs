//! Real processes, followed through the same trait the host uses. Nothing sleeps: a test waits for what it expects to see.

mod host;
mod kill;
mod run;
