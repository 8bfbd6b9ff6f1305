//! What came out: a row per behaviour.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// What came out for one behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It is there.
    Passed,
    /// It is not.
    Failed {
        /// What happened instead.
        reason: String,
    },
    /// The runner does not promise it.
    NotApplicable {
        /// Why it was not asked.
        reason: String,
    },
}

/// One behaviour and its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Stable name, such as `logs.flood`.
    pub behaviour: String,
    /// What the runner does, in one line.
    pub title: String,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long the check took, in milliseconds.
    #[serde(default)]
    pub millis: u64,
}

impl Row {
    /// Why it failed or was not asked.
    pub fn reason(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Passed => None,
            Verdict::Failed { reason } | Verdict::NotApplicable { reason } => Some(reason),
        }
    }

    /// Whether the behaviour is missing.
    pub fn failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed { .. })
    }

    fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed { .. } => "FAILED",
            Verdict::NotApplicable { .. } => "n/a",
        }
    }
}

/// What came out for one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Type of the component.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Version of the kit, which is that of the plugin API.
    pub kit: String,
    /// A row per behaviour, in the order in which they were checked.
    pub rows: Vec<Row>,
}

impl Report {
    /// A report without rows.
    pub fn new(type_name: &str) -> Self {
        Self { type_name: type_name.to_owned(), kit: crate::API_VERSION.to_owned(), rows: Vec::new() }
    }

    /// The rows of behaviours that are missing.
    pub fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.failed())
    }

    /// Whether no behaviour is missing.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The row of a behaviour.
    pub fn row(&self, behaviour: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.behaviour == behaviour)
    }

    /// Ends the test with the report unless every behaviour is there. The report is printed in any case.
    ///
    /// # Panics
    ///
    /// When a behaviour is missing.
    #[allow(clippy::panic)]
    #[track_caller]
    pub fn assert(&self) {
        println!("{self}");
        let missing: Vec<&str> = self.failures().map(|row| row.behaviour.as_str()).collect();
        if !missing.is_empty() {
            panic!("{} does not conform: {}\n{self}", self.type_name, missing.join(", "));
        }
    }

    /// How many rows passed, failed, were not asked.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.rows.iter().fold((0, 0, 0), |(passed, failed, exempt), row| match row.verdict {
            Verdict::Passed => (passed + 1, failed, exempt),
            Verdict::Failed { .. } => (passed, failed + 1, exempt),
            Verdict::NotApplicable { .. } => (passed, failed, exempt + 1),
        })
    }

    /// As a section of a Markdown document.
    pub fn markdown(&self) -> String {
        let (passed, failed, exempt) = self.counts();
        let mut text = format!(
            "## `{}`\n\n{passed} passed, {failed} failed, {exempt} not applicable; conformance kit {}.\n\n\
             | behaviour | what the runner does | verdict | |\n|---|---|---|---|\n",
            self.type_name, self.kit
        );
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', "<br>");
        for row in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                row.behaviour,
                cell(&row.title),
                if row.failed() { "**failed**" } else { row.word() },
                cell(row.reason().unwrap_or_default())
            );
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, exempt) = self.counts();
        writeln!(f, "{}: {passed} passed, {failed} failed, {exempt} not applicable", self.type_name)?;
        for row in &self.rows {
            writeln!(f, "  {:<7} {:<22} {}", row.word(), row.behaviour, row.title)?;
            for line in row.reason().into_iter().flat_map(str::lines) {
                writeln!(f, "          {:<22} {line}", "")?;
            }
        }
        Ok(())
    }
}
