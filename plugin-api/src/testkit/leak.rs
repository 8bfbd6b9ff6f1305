//! What stays behind in the host's process.

use std::{fs, path::Path};

use super::{Behaviour, Checked, nobody, subject::Subject};

pub(super) const ALL: &[Behaviour] = &[Behaviour {
    name: "leak.runs",
    title: "keeps no file, thread or child process of a run that has ended",
    exempt: nobody,
    check: |subject| Box::pin(runs(subject)),
}];

/// Runs between two looks.
const RUNS: usize = 10;
/// Rounds. Other tests of the same program come and go; what leaks grows in every round.
const ROUNDS: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Held {
    files: usize,
    threads: usize,
    children: usize,
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn held() -> Held {
    let mut children = 0;
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let list = fs::read_to_string(thread.path().join(Path::new("children"))).unwrap_or_default();
        children += list.split_whitespace().count();
    }
    Held { files: entries("/proc/self/fd"), threads: entries("/proc/self/task"), children }
}

async fn runs(subject: Subject) -> Checked {
    // What is made once at the first run is no leak.
    subject.shell("true")?.ends_with(0).await?;
    let mut last = held();
    let mut grown = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 0..RUNS {
            subject.shell("echo x")?.ends_with(0).await?;
        }
        let now = held();
        let growth = [
            ("open files", now.files.saturating_sub(last.files)),
            ("threads", now.threads.saturating_sub(last.threads)),
            ("child processes", now.children.saturating_sub(last.children)),
        ];
        let worst = growth.into_iter().filter(|(_, more)| *more >= RUNS / 2).map(|(what, more)| format!("{more} {what}"));
        grown.push(worst.collect::<Vec<_>>().join(" and "));
        last = now;
    }
    if grown.iter().any(String::is_empty) { Ok(()) } else { Err(format!("each {RUNS} runs leave behind: {}", grown.join("; then "))) }
}
