//! What a server that runs has loaded.

use std::path::PathBuf;

use switchyard_server::control::{Answer, Client, Plugins, Request};

use crate::{
    arguments::{DataDir, Globals},
    baseline::absolute,
    command::server,
    failure::Failure,
    host::Host,
};

/// The plugins of the server of the data directory, if one runs there.
pub fn by_server(globals: &Globals, data: &DataDir) -> Result<Option<Plugins>, Failure> {
    let Some(client) = Client::find(&server::directory(globals, data)?) else { return Ok(None) };
    match client.ask(&Request::Plugins) {
        Ok(Answer::Plugins(plugins)) => Ok(Some(plugins)),
        // An older one, or one that is about to restart.
        other => {
            tracing::warn!(answer = ?other, "the server does not say what it has loaded; it is left out");
            Ok(None)
        }
    }
}

/// The directories that this program looks into, as a server names its own.
pub fn directories(host: &Host) -> Vec<PathBuf> {
    host.registry.directories().into_iter().map(absolute).collect()
}
