//! The server, and what is said to it.

mod alone;
mod executions;
mod logs;
mod restart;
mod serve;
mod submit;
mod triggers;

use std::path::PathBuf;

use switchyard_model::Sources;
use switchyard_server::control::{Answer, Client, Request};

pub use executions::{opened, run as executions, waiting};
pub use logs::run as logs;
pub use restart::run as restart;
pub use serve::run as serve;
pub use submit::run as submit;
pub use triggers::run as triggers;

use crate::{
    arguments::{DataDir, Globals},
    exit::Exit,
    failure::Failure,
    host, place,
};

/// The directory that is meant.
pub fn directory(globals: &Globals, data: &DataDir) -> Result<PathBuf, Failure> {
    if let Some(named) = &data.data_dir {
        return Ok(named.clone());
    }
    let config = host::configuration(globals, &mut Sources::new())?;
    Ok(config.data_dir.unwrap_or_else(place::data))
}

/// The server of a directory.
pub fn client(data_dir: &std::path::Path) -> Result<Client, Failure> {
    Client::find(data_dir).ok_or_else(|| {
        Failure::usage("control::no_server", format!("no server answers in the data directory {}", data_dir.display()))
            .with_help("start one with `switchyard serve`, or name its directory with --data-dir")
    })
}

/// An answer that is no refusal.
pub fn ask(client: &Client, request: &Request) -> Result<Answer, Failure> {
    let note = |text: &str| tracing::warn!("{text}");
    match client.ask_noted(request, note).map_err(|error| broken(&error))? {
        Answer::Refused { code, message, help } => Err(refused(code, message, help)),
        answer => Ok(answer),
    }
}

fn refused(code: String, message: String, help: Option<String>) -> Failure {
    // What is wrong with the server's surroundings is nobody's request.
    let exit = if code.starts_with("journal::") { Exit::Failed } else { Exit::Invalid };
    Failure { help, ..Failure::new(exit, code, message) }
}

pub fn broken(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "control::broken", format!("the server does not answer: {error}")).with_help("look at what it prints")
}
