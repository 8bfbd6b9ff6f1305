//! `switchyard plugins release`: a plugin comes back from quarantine.

use switchyard_plugin_api::Error;

use crate::{command::print, exit::Exit, failure::Failure, host::Host};

pub fn run(host: &Host, plugin: &str) -> Result<Exit, Failure> {
    let released = host.registry.release(plugin).map_err(|error| {
        let message = format!("the quarantine of {plugin} cannot be ended: {error}");
        Error::environment("plugin::no_cache", message).with_help("its record is in the cache directory, which must be writable")
    })?;
    if released {
        print(format!("{plugin} runs where it is configured to, from the next start on\n").as_bytes())?;
        return Ok(Exit::Success);
    }
    let inside: Vec<String> = host.registry.quarantined().into_keys().collect();
    let inside = if inside.is_empty() { "no plugin is".to_owned() } else { format!("these are: {}", inside.join(", ")) };
    Err(Error::user("plugin::not_quarantined", format!("{plugin} is not in quarantine; {inside}")).into())
}
