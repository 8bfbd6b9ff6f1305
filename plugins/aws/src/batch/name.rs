//! Names and tags that AWS accepts.

use std::collections::BTreeMap;

use switchyard_cloud_api::name::{LONGEST, hash};
use switchyard_plugin_api::TaskRef;

/// The tag that holds the task's whole key.
pub const KEY: &str = "switchyard-key";

/// The name of a task's job: the same after a restart of the host. Its tags tell whether it is that of another task.
pub fn job(task: &TaskRef) -> String {
    switchyard_cloud_api::name::job(task, 0)
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

#[cfg(test)]
mod tests {
    use super::*;

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
