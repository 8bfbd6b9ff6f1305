//! What its processes get of the host's environment, where the administrator restricts it.

use std::{borrow::Cow, env};

use serde::Deserialize;
use serde_json::Value as Json;
use switchyard_plugin_api::{Command, Error};

/// Of the runner's configuration: names, in which one `*` stands for anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Restriction {
    /// All, when absent.
    allow: Option<Vec<String>>,
    /// Of those that are allowed.
    deny: Vec<String>,
}

impl Restriction {
    /// None when processes get everything, as by default.
    pub fn of(config: &Json) -> Result<Option<Self>, Error> {
        let Some(written) = config.get("environment").filter(|written| !written.is_null()) else { return Ok(None) };
        Self::deserialize(written).map(Some).map_err(|error| {
            Error::environment("process::environment", format!("`environment` of the Process runner's configuration: {error}"))
                .with_help("write for example `environment: {deny: [\"SECRET_*\"]}`, or `allow` with a list of names")
        })
    }

    fn passes(&self, name: &str) -> bool {
        let is_in = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, name));
        self.allow.as_deref().is_none_or(is_in) && !is_in(&self.deny)
    }

    /// The command with all of its environment.
    pub fn complete(&self, command: &Command) -> Command {
        let mut complete = command.clone();
        // What is no text can neither be named here nor be carried to a keeper.
        for (name, value) in env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))) {
            if self.passes(&name) {
                complete.env.entry(name).or_insert(value);
            }
        }
        complete
    }
}

/// The command that is started, and whether it gets the host's environment below its own.
pub(super) fn of<'a>(command: &'a Command, config: &Json) -> Result<(Cow<'a, Command>, bool), Error> {
    Ok(match Restriction::of(config)? {
        None => (Cow::Borrowed(command), true),
        Some(restriction) => (Cow::Owned(restriction.complete(command)), false),
    })
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_pass_by_both_lists() {
        for (config, name, passes) in [
            (json!({}), "ANY", true),
            (json!({ "deny": ["SECRET_*"] }), "SECRET_A", false),
            (json!({ "deny": ["SECRET_*"] }), "SECRET", true),
            (json!({ "deny": ["*_KEY"] }), "A_KEY", false),
            (json!({ "allow": ["PATH", "LC_*"] }), "PATH", true),
            (json!({ "allow": ["PATH", "LC_*"] }), "LC_ALL", true),
            (json!({ "allow": ["PATH", "LC_*"] }), "HOME", false),
            (json!({ "allow": ["*"], "deny": ["HOME"] }), "HOME", false),
            (json!({ "allow": [] }), "PATH", false),
        ] {
            let restriction = Restriction::of(&json!({ "environment": config })).unwrap().unwrap();
            assert_eq!(restriction.passes(name), passes, "{config} {name}");
        }
        assert!(Restriction::of(&Json::Null).unwrap().is_none());
        assert_eq!(Restriction::of(&json!({ "environment": { "denny": [] } })).unwrap_err().code, "process::environment");
    }
}
