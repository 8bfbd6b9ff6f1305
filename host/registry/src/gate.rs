//! The checks a file goes through, in order, each with its verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateVerdict {
    Passed,
    /// Passed, with something to look at.
    Warned,
    Failed,
}

/// One check of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// `file`, `elf`, `lock`, `signature`, `header`, `api`, `allow`, `copy`, `load`, `layout`, `init`, `manifest`, `schema`.
    pub name: String,
    pub verdict: GateVerdict,
    /// What was found, or why it failed.
    pub detail: String,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            GateVerdict::Passed => "ok",
            GateVerdict::Warned => "warning",
            GateVerdict::Failed => "FAILED",
        };
        write!(f, "{:<9} {mark:<8} {}", self.name, self.detail)
    }
}

/// Records the gates while a file goes through them.
#[derive(Debug, Default)]
pub(crate) struct Gates(pub Vec<Gate>);

impl Gates {
    pub fn pass(&mut self, name: &str, detail: impl Into<String>) {
        self.push(name, GateVerdict::Passed, detail.into());
    }

    pub fn warn(&mut self, name: &str, detail: impl Into<String>) {
        self.push(name, GateVerdict::Warned, detail.into());
    }

    pub fn fail(&mut self, name: &str, refusal: Refusal) -> Refusal {
        self.push(name, GateVerdict::Failed, refusal.line());
        refusal
    }

    pub fn warnings(&self) -> Vec<String> {
        self.0.iter().filter(|gate| gate.verdict == GateVerdict::Warned).map(|gate| gate.detail.clone()).collect()
    }

    fn push(&mut self, name: &str, verdict: GateVerdict, detail: String) {
        self.0.push(Gate { name: name.to_owned(), verdict, detail });
    }
}
