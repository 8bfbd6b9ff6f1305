//! The control socket: `switchyard` commands talk to the server of a data directory through it.

mod client;
mod serve;
mod words;

pub use client::Client;
pub use serve::{Control, Wish, ended_state};
pub use words::{Answer, LogLine, Plugins, Request, Row, Status};

/// Its name in the data directory. Whoever may write there may use it.
const SOCKET: &str = "control.sock";
