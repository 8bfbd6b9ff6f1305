//! Where a plugin's code runs: in the host's own process, or in one of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pattern::Pattern;

/// The same file serves both; nothing is built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// A call costs nanoseconds, and a crash ends the host.
    #[default]
    InProcess,
    /// A call costs a round trip over a socket, and a crash ends the plugin's own tasks only.
    Subprocess,
}

impl Isolation {
    /// Both, as they are written.
    pub const NAMES: [&'static str; 2] = ["in-process", "subprocess"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::Subprocess => "subprocess",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "in-process" => Some(Self::InProcess),
            "subprocess" => Some(Self::Subprocess),
            _ => None,
        }
    }
}

/// How one plugin is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub isolation: Isolation,
    /// Bytes that a plugin in a process of its own may allocate (`RLIMIT_DATA`).
    pub memory: Option<u64>,
    /// A process whose own threads, or one of its synchronous calls, do not answer for so long is killed.
    pub hung_after: Duration,
}

impl Default for Placement {
    fn default() -> Self {
        Self { isolation: Isolation::InProcess, memory: None, hung_after: Duration::from_secs(30) }
    }
}

/// What is configured for some plugins; what it leaves open is as it is for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Of a plugin's id, or of one of its types.
    pub pattern: Pattern,
    pub isolation: Option<Isolation>,
    pub memory: Option<u64>,
    pub hung_after: Option<Duration>,
}

/// What an administrator configured. The first rule that fits a plugin counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub default: Placement,
    pub rules: Vec<Rule>,
}

impl Rules {
    /// Where a plugin with this id and these type names runs.
    pub fn placement<'a>(&self, id: &'a str, types: impl Iterator<Item = &'a str>) -> Placement {
        let names: Vec<&str> = std::iter::once(id).chain(types).collect();
        let mut placement = self.default.clone();
        if let Some(rule) = self.rules.iter().find(|rule| names.iter().any(|name| rule.pattern.fits(name))) {
            placement.isolation = rule.isolation.unwrap_or(placement.isolation);
            placement.memory = rule.memory.or(placement.memory);
            placement.hung_after = rule.hung_after.unwrap_or(placement.hung_after);
        }
        placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rule = |pattern: &str, isolation, memory| Rule { pattern: Pattern::new(pattern), isolation, memory, hung_after: None };
        let rules = Rules {
            default: Placement { isolation: Isolation::Subprocess, memory: Some(9), ..Placement::default() },
            rules: vec![rule("docker", Some(Isolation::InProcess), None), rule("org.example.*", None, Some(1)), rule("*", None, Some(2))],
        };
        for (id, types, expected) in [
            ("docker", vec!["io.kestra.plugin.scripts.runner.docker.Docker"], (Isolation::InProcess, Some(9))),
            ("mine", vec!["other.Type", "org.example.runner.Mine"], (Isolation::Subprocess, Some(1))),
            ("dockerish", vec!["a.B"], (Isolation::Subprocess, Some(2))),
        ] {
            let placement = rules.placement(id, types.into_iter());
            assert_eq!((placement.isolation, placement.memory), expected, "{id}");
        }
    }
}
