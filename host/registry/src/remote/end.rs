//! How a plugin's process ended, in words.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use switchyard_plugin_api::Error;

use crate::preflight::signal_name;

/// Why the host ends a process.
#[derive(Debug, Clone)]
pub enum Doom {
    /// It does not answer.
    Hung { what: String, after: Duration },
    /// It sends what is no message.
    Protocol(String),
}

/// The end of a process, as an error of each call that was waiting.
#[derive(Debug, Clone)]
pub struct Ended(pub Box<Error>);

impl Default for Ended {
    fn default() -> Self {
        Self(Box::new(Error::plugin("plugin::process_died", "the plugin's process is gone")))
    }
}

impl Ended {
    pub fn failed(error: Error) -> Self {
        Self(Box::new(error))
    }

    pub fn explain(plugin: &str, status: Option<ExitStatus>, doom: Option<Doom>, memory: Option<u64>, said: &str) -> Self {
        let fresh = "the host and other plugins go on, and the next task gets a fresh process";
        let last = if said.is_empty() { String::new() } else { format!("; its last words: {said}") };
        let error = match doom {
            Some(Doom::Hung { what, after }) => {
                let reason =
                    format!("{what} of plugin {plugin} has not answered for {:.1} s, so its process was killed", after.as_secs_f32());
                Error::plugin("plugin::process_hung", format!("{reason}{last}")).with_help(format!(
                    "something blocks the plugin's threads: a bug of the plugin, or `hungAfter` is too short for it; {fresh}"
                ))
            }
            Some(Doom::Protocol(what)) => {
                Error::plugin("plugin::protocol", format!("the process of plugin {plugin} sent {what} and was killed{last}"))
                    .with_help("the plugin writes into the host's socket: a bug of the plugin")
            }
            None => died(plugin, status, memory, said, &last, fresh),
        };
        Self(Box::new(error))
    }
}

fn died(plugin: &str, status: Option<ExitStatus>, memory: Option<u64>, said: &str, last: &str, fresh: &str) -> Error {
    let how = match status.map(|status| (status.signal(), status.code())) {
        Some((Some(signal), _)) => format!("was ended by {}", signal_name(signal)),
        Some((None, Some(code))) => format!("ended itself with exit code {code}"),
        _ => "went away".to_owned(),
    };
    let killed = status.and_then(|status| status.signal()) == Some(9);
    let starved = said.contains("memory allocation of");
    let help = match memory {
        Some(limit) if starved => {
            format!("it may take {} MiB (`memory` of its isolation); raise the limit, or give it less to do; {fresh}", limit >> 20)
        }
        None if starved => format!("it asked for more memory than there is; {fresh}"),
        _ if killed => format!("somebody killed it, or the system ran out of memory (`dmesg` tells); {fresh}"),
        _ => format!("this is a bug of the plugin; report it to its author; {fresh}"),
    };
    Error::plugin("plugin::process_died", format!("the process of plugin {plugin} {how}{last}")).with_help(help)
}
