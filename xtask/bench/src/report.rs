use serde_json::{Value, json};

use crate::{
    error::Error,
    measure::{Measured, Named, median},
    row::{Budget, Row},
    stage::Stage,
};

/// The table with the budget beside each row, and the same as JSON with every round.
pub struct Report {
    machine: Value,
    entries: Vec<Entry>,
}

pub struct Entry {
    id: &'static str,
    what: &'static str,
    against: &'static str,
    budget: Budget,
    outcome: Outcome,
}

enum Outcome {
    Measured { measured: Measured, figures: Vec<f64>, figure: f64 },
    LeftOut(String),
}

impl Entry {
    pub fn measured(row: &Row, measured: Measured) -> Self {
        let pairs = measured.ours.rounds.iter().zip(&measured.peer.rounds);
        let figures: Vec<f64> = pairs.map(|(ours, peer)| row.budget.figure(*ours, *peer)).collect();
        let figure = median(&figures);
        Self::new(row, Outcome::Measured { measured, figures, figure })
    }

    pub fn left_out(row: &Row, error: &Error) -> Self {
        Self::new(row, Outcome::LeftOut(format!("{error} [{}]", error.code())))
    }

    fn new(row: &Row, outcome: Outcome) -> Self {
        Self { id: row.id, what: row.what, against: row.against, budget: row.budget, outcome }
    }

    pub fn verdict(&self) -> String {
        match &self.outcome {
            Outcome::Measured { measured, figure, .. } => {
                let word = if self.budget.keeps(*figure) { "kept" } else { "MISSED" };
                let (ours, peer) = (&measured.ours, &measured.peer);
                format!(
                    "{word}: {}, budget {} ({} {} / {} {})",
                    self.budget.show(*figure),
                    self.budget,
                    ours.name,
                    ours.version,
                    peer.name,
                    peer.version
                )
            }
            Outcome::LeftOut(reason) => format!("LEFT OUT: {reason}"),
        }
    }

    fn cells(&self) -> [String; 5] {
        let (figure, verdict) = match &self.outcome {
            Outcome::Measured { figure, .. } => (self.budget.show(*figure), if self.budget.keeps(*figure) { "kept" } else { "MISSED" }),
            Outcome::LeftOut(_) => ("-".to_owned(), "left out"),
        };
        [self.what.to_owned(), self.against.to_owned(), figure, self.budget.to_string(), verdict.to_owned()]
    }

    fn json(&self) -> Value {
        let mut value = json!({ "id": self.id, "what": self.what, "against": self.against, "budget": self.budget.to_string() });
        match &self.outcome {
            Outcome::Measured { measured, figures, figure } => {
                value["figure"] = json!(figure);
                value["kept"] = json!(self.budget.keeps(*figure));
                value["figures"] = json!(figures);
                value["ours"] = named(&measured.ours);
                value["peer"] = named(&measured.peer);
            }
            Outcome::LeftOut(reason) => value["leftOut"] = json!(reason),
        }
        value
    }
}

impl Report {
    pub fn new(stage: &Stage) -> Self {
        Self { machine: json!({ "cores": stage.cores, "kernel": stage.kernel(), "switchyard": stage.version() }), entries: Vec::new() }
    }

    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub fn within_budget(&self) -> bool {
        self.entries.iter().all(|entry| match &entry.outcome {
            Outcome::Measured { figure, .. } => entry.budget.keeps(*figure),
            Outcome::LeftOut(_) => true,
        })
    }

    pub fn table(&self) -> String {
        let mut lines = vec![["what", "against", "measured", "budget", ""].map(str::to_owned)];
        lines.extend(self.entries.iter().map(Entry::cells));
        let widths: Vec<usize> = (0..5).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
        let ruler = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join(" | ");
        let mut text: Vec<String> = lines
            .iter()
            .map(|line| line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>().join(" | "))
            .map(|line| format!("| {line} |"))
            .collect();
        text.insert(1, format!("| {ruler} |"));
        format!("{}\n{}", self.machine, text.join("\n"))
    }

    pub fn json(&self) -> String {
        let rows: Vec<Value> = self.entries.iter().map(Entry::json).collect();
        format!("{:#}\n", json!({ "machine": self.machine, "rows": rows }))
    }
}

fn named(named: &Named) -> Value {
    json!({ "name": named.name, "version": named.version, "rounds": named.rounds })
}
