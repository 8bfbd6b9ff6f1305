//! Names and tags that AWS accepts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use switchyard_plugin_api::{Files, TaskRef};

/// Of a job's name, and of a tag's value.
const LONGEST: usize = 63;
const HASH: usize = 16;
/// The tag that holds the task's whole key.
pub const KEY: &str = "switchyard-key";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..HASH].to_owned()
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_matches('-').to_owned()
}

/// The name of a task's job: the same after a restart of the host, and nobody else's.
pub fn job(task: &TaskRef) -> String {
    let end = hash(&task.key);
    let words = slug(&format!("{}-{}-{}", task.namespace, task.flow_id, task.task_id));
    let cut: String = words.chars().take(LONGEST - end.len() - 1).collect();
    let cut = cut.trim_end_matches('-');
    if cut.is_empty() { format!("job-{end}") } else { format!("{cut}-{end}") }
}

/// The name of a task's job definition, and of its queue when it makes one.
pub fn definition(task: &TaskRef) -> String {
    format!("switchyard-{}", hash(&task.key))
}

/// The six labels as tags, and one for the whole key.
pub fn tags(task: &TaskRef) -> BTreeMap<String, String> {
    let clean = |text: &str| text.to_lowercase().chars().take(LONGEST).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned();
    let mut tags: BTreeMap<String, String> =
        task.labels.iter().map(|(name, value)| (name.replace("kestra.io/", "kestra-"), clean(value))).collect();
    tags.insert(KEY.to_owned(), hash(&task.key));
    tags
}

/// Folder of a run's files, in the bucket and in the container: known before the run, and the same after a restart, since the host's
/// directory is.
pub fn folder(files: &Files) -> String {
    let path = files.working_dir.display().to_string();
    let last = files.working_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: String = slug(&last).chars().take(40).collect();
    format!("{words}-{}", hash(&path)).trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b6_names_are_legal_whatever_the_flow_is_called() {
        for (namespace, flow, expected) in [
            ("company.team", "My_Flow", "company-team-my-flow-task-"),
            ("9lives", "x", "9lives-x-task-"),
            ("--", "ü", "task-"),
            (&"n".repeat(100), "f", &"n".repeat(46)),
        ] {
            let task = TaskRef {
                key: "a-b-0".into(),
                namespace: namespace.to_owned(),
                flow_id: flow.to_owned(),
                task_id: "task".into(),
                ..TaskRef::default()
            };
            let name = job(&task);
            assert!(name.len() <= LONGEST && name.starts_with(expected) && name.ends_with(&hash("a-b-0")), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') && !name.contains("--"), "{name}");
        }
    }

    #[test]
    fn b13_tags_are_those_of_the_task() {
        let labels = [("kestra.io/namespace".to_owned(), "Company.Team".to_owned()), ("kestra.io/flow-id".to_owned(), "x".repeat(80))];
        let task = TaskRef { key: "k".into(), labels: labels.into_iter().collect(), ..TaskRef::default() };
        let found = tags(&task);
        assert_eq!(found["kestra-namespace"], "company.team");
        assert_eq!(found["kestra-flow-id"].len(), LONGEST);
        assert_eq!(found[KEY], hash("k"));
    }
}
