//! Old and new names of the same type; spec 4.1. The written name stays in the document, look-ups use the current one.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Packages that moved as a whole: every listed name is the old package's too.
const MOVED: &[(&str, &str, &[&str])] = &[
    (
        "io.kestra.core.tasks.flows.",
        "io.kestra.plugin.core.flow.",
        &[
            "AllowFailure",
            "Dag",
            "EachParallel",
            "EachSequential",
            "ForEach",
            "ForEachItem",
            "If",
            "Parallel",
            "Pause",
            "Sequential",
            "Sleep",
            "Subflow",
            "Switch",
            "Template",
            "WorkingDirectory",
        ],
    ),
    ("io.kestra.core.tasks.log.", "io.kestra.plugin.core.log.", &["Log", "Fetch", "PurgeLogs"]),
    ("io.kestra.core.tasks.debugs.", "io.kestra.plugin.core.debug.", &["Return", "Echo"]),
    ("io.kestra.core.tasks.executions.", "io.kestra.plugin.core.execution.", &["Fail", "Labels", "Resume", "PurgeExecutions"]),
    ("io.kestra.core.tasks.states.", "io.kestra.plugin.core.state.", &["Set", "Get", "Delete"]),
    (
        "io.kestra.core.tasks.storages.",
        "io.kestra.plugin.core.storage.",
        &["Concat", "Delete", "Size", "Split", "Reverse", "DeduplicateItems", "FilterItems", "LocalFiles"],
    ),
    ("io.kestra.core.tasks.templating.", "io.kestra.plugin.core.templating.", &["TemplatedTask"]),
    ("io.kestra.core.tasks.trigger.", "io.kestra.plugin.core.trigger.", &["Toggle"]),
    ("io.kestra.plugin.fs.http.", "io.kestra.plugin.core.http.", &["Request", "Download", "Trigger"]),
    ("io.kestra.core.models.triggers.types.", "io.kestra.plugin.core.trigger.", &["Schedule", "Flow", "Webhook"]),
];

const RENAMED: &[(&str, &str)] = &[
    ("io.kestra.core.tasks.flows.Worker", "io.kestra.plugin.core.flow.WorkingDirectory"),
    ("io.kestra.core.tasks.flows.Flow", "io.kestra.plugin.core.flow.Subflow"),
    ("io.kestra.core.tasks.flows.WaitFor", "io.kestra.plugin.core.flow.LoopUntil"),
    ("io.kestra.plugin.core.flow.WaitFor", "io.kestra.plugin.core.flow.LoopUntil"),
    ("io.kestra.core.tasks.executions.Counts", "io.kestra.plugin.core.execution.Count"),
    ("io.kestra.plugin.core.execution.Counts", "io.kestra.plugin.core.execution.Count"),
    ("io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.execution.PurgeExecutions"),
    ("io.kestra.plugin.core.storage.Purge", "io.kestra.plugin.core.execution.PurgeExecutions"),
    ("io.kestra.core.tasks.storages.PurgeExecution", "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"),
    ("io.kestra.plugin.core.storage.PurgeExecution", "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles"),
    // Task runners: the names of all eras, the seed's among them.
    ("io.kestra.core.models.script.types.ProcessTaskRunner", "io.kestra.plugin.core.runner.Process"),
    ("io.kestra.core.models.tasks.runners.types.ProcessTaskRunner", "io.kestra.plugin.core.runner.Process"),
    ("io.kestra.core.models.script.types.DockerTaskRunner", "io.kestra.plugin.scripts.runner.docker.Docker"),
    ("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", "io.kestra.plugin.scripts.runner.docker.Docker"),
    ("io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner", "io.kestra.plugin.kubernetes.runner.Kubernetes"),
    ("io.kestra.plugin.ee.kubernetes.runner.Kubernetes", "io.kestra.plugin.kubernetes.runner.Kubernetes"),
    ("io.kestra.plugin.ee.kubernetes.runner.KubernetesTaskRunner", "io.kestra.plugin.kubernetes.runner.Kubernetes"),
    ("io.kestra.plugin.aws.runner.AwsBatchScriptRunner", "io.kestra.plugin.aws.runner.Batch"),
    ("io.kestra.plugin.aws.runner.AwsBatchTaskRunner", "io.kestra.plugin.aws.runner.Batch"),
    ("io.kestra.plugin.ee.aws.runner.AwsBatchTaskRunner", "io.kestra.plugin.aws.runner.Batch"),
    ("io.kestra.plugin.ee.aws.runner.Batch", "io.kestra.plugin.aws.runner.Batch"),
    ("io.kestra.plugin.gcp.runner.GcpBatchTaskRunner", "io.kestra.plugin.gcp.runner.Batch"),
    ("io.kestra.plugin.ee.gcp.runner.GcpBatchTaskRunner", "io.kestra.plugin.gcp.runner.Batch"),
    ("io.kestra.plugin.ee.gcp.runner.Batch", "io.kestra.plugin.gcp.runner.Batch"),
    ("io.kestra.plugin.gcp.runner.GcpCloudRunTaskRunner", "io.kestra.plugin.gcp.runner.CloudRun"),
    ("io.kestra.plugin.ee.gcp.runner.GcpCloudRunTaskRunner", "io.kestra.plugin.gcp.runner.CloudRun"),
    ("io.kestra.plugin.ee.gcp.runner.CloudRun", "io.kestra.plugin.gcp.runner.CloudRun"),
    ("io.kestra.plugin.azure.runner.AzureBatchTaskRunner", "io.kestra.plugin.azure.runner.Batch"),
    ("io.kestra.plugin.ee.azure.runner.AzureBatchTaskRunner", "io.kestra.plugin.azure.runner.Batch"),
    ("io.kestra.plugin.azure.ee.runner.Batch", "io.kestra.plugin.azure.runner.Batch"),
    ("io.kestra.plugin.ee.azure.runner.Batch", "io.kestra.plugin.azure.runner.Batch"),
];

/// Conditions lost their suffix in 0.20; these kept theirs.
const SUFFIXED_CONDITIONS: &[&str] = &["FlowCondition", "FlowNamespaceCondition", "MultipleCondition"];
const CONDITIONS: &[&str] = &[
    "DateTimeBetween",
    "TimeBetween",
    "DayWeek",
    "DayWeekInMonth",
    "Weekend",
    "PublicHoliday",
    "ExecutionFlow",
    "ExecutionNamespace",
    "ExecutionStatus",
    "ExecutionLabels",
    "ExecutionOutputs",
    "HasRetryAttempt",
    "Expression",
    "Not",
    "Or",
];
const CONDITION_PACKAGES: &[&str] = &["io.kestra.core.models.conditions.types.", "io.kestra.plugin.core.condition."];

static ALIASES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let moved = MOVED
        .iter()
        .flat_map(|(old, new, names)| names.iter().map(move |name| (leak(format!("{old}{name}")), leak(format!("{new}{name}")))));
    let conditions = CONDITION_PACKAGES.iter().flat_map(|package| {
        let current = |name: &str| leak(format!("io.kestra.plugin.core.condition.{name}"));
        let shortened = CONDITIONS.iter().map(move |name| (leak(format!("{package}{name}Condition")), current(name)));
        let kept = SUFFIXED_CONDITIONS.iter().map(move |name| (leak(format!("{package}{name}")), current(name)));
        let variable = (leak(format!("{package}VariableCondition")), current("Expression"));
        shortened.chain(kept).chain([variable])
    });
    RENAMED.iter().copied().chain(moved).chain(conditions).filter(|(old, new)| old != new).collect()
});

/// The names live as long as the program; there are some hundred of them, made once.
fn leak(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}

/// The current name of a type; a name without a newer one is answered as it is.
pub fn canonical_type(written: &str) -> &str {
    ALIASES.get(written).copied().unwrap_or(written)
}

/// Every older name of a current one, sorted.
pub fn former_types(canonical: &str) -> Vec<&'static str> {
    let mut names: Vec<_> = ALIASES.iter().filter(|(_, new)| **new == canonical).map(|(old, _)| *old).collect();
    names.sort_unstable();
    names
}

/// Whether two written names mean the same type.
pub fn is_same_type(one: &str, other: &str) -> bool {
    canonical_type(one) == canonical_type(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_4_1() {
        for (old, new) in [
            ("io.kestra.core.tasks.flows.Sequential", "io.kestra.plugin.core.flow.Sequential"),
            ("io.kestra.core.tasks.flows.Worker", "io.kestra.plugin.core.flow.WorkingDirectory"),
            ("io.kestra.core.tasks.flows.WorkingDirectory", "io.kestra.plugin.core.flow.WorkingDirectory"),
            ("io.kestra.core.tasks.flows.Flow", "io.kestra.plugin.core.flow.Subflow"),
            ("io.kestra.plugin.core.flow.WaitFor", "io.kestra.plugin.core.flow.LoopUntil"),
            ("io.kestra.core.tasks.log.Log", "io.kestra.plugin.core.log.Log"),
            ("io.kestra.core.tasks.debugs.Return", "io.kestra.plugin.core.debug.Return"),
            ("io.kestra.core.tasks.executions.Counts", "io.kestra.plugin.core.execution.Count"),
            ("io.kestra.core.tasks.storages.Purge", "io.kestra.plugin.core.execution.PurgeExecutions"),
            ("io.kestra.plugin.fs.http.Request", "io.kestra.plugin.core.http.Request"),
            ("io.kestra.core.models.triggers.types.Schedule", "io.kestra.plugin.core.trigger.Schedule"),
            ("io.kestra.core.models.conditions.types.VariableCondition", "io.kestra.plugin.core.condition.Expression"),
            ("io.kestra.plugin.core.condition.ExpressionCondition", "io.kestra.plugin.core.condition.Expression"),
            ("io.kestra.core.models.conditions.types.MultipleCondition", "io.kestra.plugin.core.condition.MultipleCondition"),
            ("io.kestra.core.models.script.types.ProcessTaskRunner", "io.kestra.plugin.core.runner.Process"),
            ("io.kestra.plugin.core.log.Log", "io.kestra.plugin.core.log.Log"),
            ("com.example.Mine", "com.example.Mine"),
        ] {
            assert_eq!(canonical_type(old), new, "{old}");
            assert_eq!(canonical_type(new), new, "a current name has no newer one");
            assert_eq!(former_types(new).contains(&old), old != new, "{old}");
        }
        assert!(is_same_type("io.kestra.core.tasks.flows.WaitFor", "io.kestra.plugin.core.flow.WaitFor"));
    }
}
