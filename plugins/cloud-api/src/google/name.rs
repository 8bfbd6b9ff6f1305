//! Labels that Google accepts.

use std::collections::BTreeMap;

use switchyard_plugin_api::TaskRef;

use crate::name::{LONGEST, hash};

/// Label with the task's whole key.
pub const KEY: &str = "switchyard-key";

/// The six labels as Google wants them, and one for the whole key.
pub fn labels(task: &TaskRef) -> BTreeMap<String, String> {
    let clean = |text: &str| -> String {
        let kept =
            text.chars().map(|c| c.to_ascii_lowercase()).map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' });
        kept.take(LONGEST).collect::<String>().trim_matches(['-', '_']).to_owned()
    };
    let mut labels: BTreeMap<String, String> =
        task.labels.iter().map(|(name, value)| (clean(&name.replace("kestra.io/", "kestra-")), clean(value))).collect();
    labels.insert(KEY.to_owned(), hash(&task.key));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_legal() {
        let labels = [("kestra.io/namespace".to_owned(), "Company.Team".to_owned()), ("kestra.io/flow-id".to_owned(), "x".repeat(80))];
        let task = TaskRef { key: "k".into(), labels: labels.into_iter().collect(), ..TaskRef::default() };
        let found = super::labels(&task);
        assert_eq!(found["kestra-namespace"], "company-team");
        assert_eq!(found["kestra-flow-id"].len(), LONGEST);
        assert_eq!(found[KEY], hash("k"));
    }
}
