//! Names that clouds accept.

use sha2::{Digest, Sha256};
use switchyard_plugin_api::{Files, TaskRef};

/// The usual limit for names and labels.
pub const LONGEST: usize = 63;
const HASH: usize = 10;

pub fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..HASH].to_owned()
}

/// Lower-case letters, digits and hyphens, beginning with a letter.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches('-').to_owned();
    if slug.starts_with(|c: char| c.is_ascii_lowercase()) { slug } else { format!("k{slug}") }
}

/// The name of a task's job: the same after a restart of the host. A job that ended under this name makes way for the next `round`.
pub fn job(task: &TaskRef, round: u32) -> String {
    job_within(task, round, LONGEST)
}

/// The same where names are shorter.
pub fn job_within(task: &TaskRef, round: u32, longest: usize) -> String {
    let end = if round == 0 { format!("-{}", hash(&task.key)) } else { format!("-{}-{round}", hash(&task.key)) };
    let words = slug(&format!("{}-{}-{}", task.namespace, task.flow_id, task.task_id));
    let cut: String = words.chars().take(longest - end.len()).collect();
    format!("{}{end}", cut.trim_end_matches('-'))
}

/// Folder of a run's files in a bucket: known before the run, and the same after a restart, since the host's directory is.
pub fn folder(files: &Files) -> String {
    let path = files.working_dir.display().to_string();
    let last = files.working_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: String = slug(&last).chars().take(40).collect();
    format!("{}-{}", words.trim_end_matches('-'), hash(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_names_are_legal_whatever_the_flow_is_called() {
        for (namespace, flow, expected) in [
            ("company.team", "My_Flow", "company-team-my-flow-task-"),
            ("9lives", "x", "k9lives-x-task-"),
            ("--", "ü", "task-"),
            (&"n".repeat(100), "f", &"n".repeat(40)),
        ] {
            let task = TaskRef {
                key: "a-b-0".into(),
                namespace: namespace.to_owned(),
                flow_id: flow.to_owned(),
                task_id: "task".into(),
                ..TaskRef::default()
            };
            for (round, longest) in [(0, LONGEST), (3, LONGEST), (0, 59), (12, 59)] {
                let name = job_within(&task, round, longest);
                assert!(name.len() <= longest && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') && !name.contains("--"), "{name}");
            }
            assert!(job(&task, 0).starts_with(expected), "{}", job(&task, 0));
        }
    }
}
