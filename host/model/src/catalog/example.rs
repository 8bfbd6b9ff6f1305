//! A flow for each core task, as `plugins show` prints it.

/// Tasks of a flow, by the type they show.
const EXAMPLES: &[(&str, &str)] = &[
    ("flow.Sleep", "- id: wait\n  type: io.kestra.plugin.core.flow.Sleep\n  duration: PT5S\n"),
    ("log.Log", "- id: hello\n  type: io.kestra.plugin.core.log.Log\n  message: \"Execution {{ execution.id }}\"\n"),
    (
        "log.Fetch",
        "- id: logs\n  type: io.kestra.plugin.core.log.Fetch\n  level: WARN\n- id: show\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ read(outputs.logs.uri) }}\"\n",
    ),
    ("log.PurgeLogs", "- id: purge\n  type: io.kestra.plugin.core.log.PurgeLogs\n  endDate: \"{{ now() | dateAdd(-30, 'DAYS') }}\"\n"),
    ("debug.Return", "- id: value\n  type: io.kestra.plugin.core.debug.Return\n  format: \"{{ flow.id }}\"\n"),
    ("debug.Echo", "- id: echo\n  type: io.kestra.plugin.core.debug.Echo\n  format: \"{{ flow.id }}\"\n"),
    (
        "output.OutputValues",
        "- id: values\n  type: io.kestra.plugin.core.output.OutputValues\n  values:\n    answer: \"{{ 41 + 1 }}\"\n- id: use\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ outputs.values.values.answer }}\"\n",
    ),
    (
        "execution.Fail",
        "- id: check\n  type: io.kestra.plugin.core.execution.Fail\n  condition: \"{{ labels.env is not defined }}\"\n  errorMessage: the label `env` is missing\n",
    ),
    (
        "execution.Assert",
        "- id: check\n  type: io.kestra.plugin.core.execution.Assert\n  conditions:\n    - \"{{ 1 + 1 == 2 }}\"\n  errorMessage: arithmetic is broken\n",
    ),
    ("execution.Exit", "- id: stop\n  type: io.kestra.plugin.core.execution.Exit\n  state: WARNING\n"),
    (
        "execution.Labels",
        "- id: label\n  type: io.kestra.plugin.core.execution.Labels\n  labels:\n    day: \"{{ now(format='yyyy-MM-dd') }}\"\n",
    ),
    ("execution.Resume", "- id: resume\n  type: io.kestra.plugin.core.execution.Resume\n  executionId: \"{{ kv('paused') }}\"\n"),
    ("execution.Kill", "- id: kill\n  type: io.kestra.plugin.core.execution.Kill\n  executionId: \"{{ kv('running') }}\"\n"),
    (
        "execution.Count",
        "- id: count\n  type: io.kestra.plugin.core.execution.Count\n  flows:\n    - namespace: company.team\n      flowId: nightly\n  states: [FAILED]\n  startDate: \"{{ now() | dateAdd(-1, 'DAYS') }}\"\n",
    ),
    (
        "execution.SetVariables",
        "- id: set\n  type: io.kestra.plugin.core.execution.SetVariables\n  variables:\n    region: eu\n- id: use\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ vars.region }}\"\n",
    ),
    (
        "execution.UnsetVariables",
        "- id: unset\n  type: io.kestra.plugin.core.execution.UnsetVariables\n  variables: [region]\n  ignoreMissing: true\n",
    ),
    (
        "execution.PurgeExecutions",
        "- id: purge\n  type: io.kestra.plugin.core.execution.PurgeExecutions\n  endDate: \"{{ now() | dateAdd(-30, 'DAYS') }}\"\n  states: [SUCCESS]\n",
    ),
    ("kv.Set", "- id: set\n  type: io.kestra.plugin.core.kv.Set\n  key: last_run\n  value: \"{{ execution.startDate }}\"\n  ttl: P7D\n"),
    (
        "kv.Get",
        "- id: get\n  type: io.kestra.plugin.core.kv.Get\n  key: last_run\n- id: use\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ outputs.get.value ?? 'never' }}\"\n",
    ),
    ("kv.Delete", "- id: delete\n  type: io.kestra.plugin.core.kv.Delete\n  key: last_run\n"),
    ("kv.GetKeys", "- id: keys\n  type: io.kestra.plugin.core.kv.GetKeys\n  prefix: last_\n"),
    ("kv.PurgeKV", "- id: purge\n  type: io.kestra.plugin.core.kv.PurgeKV\n  namespaces: [company.team]\n"),
    ("state.Set", "- id: set\n  type: io.kestra.plugin.core.state.Set\n  data:\n    cursor: \"{{ execution.id }}\"\n"),
    ("state.Get", "- id: get\n  type: io.kestra.plugin.core.state.Get\n"),
    ("state.Delete", "- id: delete\n  type: io.kestra.plugin.core.state.Delete\n"),
    (
        "namespace.UploadFiles",
        "- id: upload\n  type: io.kestra.plugin.core.namespace.UploadFiles\n  namespace: company.team\n  filesMap:\n    scripts/hello.sh: echo hello\n",
    ),
    (
        "namespace.DownloadFiles",
        "- id: download\n  type: io.kestra.plugin.core.namespace.DownloadFiles\n  namespace: company.team\n  files:\n    - \"**.sh\"\n",
    ),
    (
        "namespace.DeleteFiles",
        "- id: delete\n  type: io.kestra.plugin.core.namespace.DeleteFiles\n  namespace: company.team\n  files:\n    - scripts/hello.sh\n",
    ),
    ("storage.Write", "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: \"a,b\"\n  extension: .csv\n"),
    (
        "storage.Concat",
        "- id: head\n  type: io.kestra.plugin.core.storage.Write\n  content: \"a,b\"\n- id: join\n  type: io.kestra.plugin.core.storage.Concat\n  files:\n    - \"{{ outputs.head.uri }}\"\n    - \"{{ outputs.head.uri }}\"\n  separator: \"\\n\"\n  extension: .csv\n",
    ),
    (
        "storage.Delete",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: x\n- id: delete\n  type: io.kestra.plugin.core.storage.Delete\n  uri: \"{{ outputs.write.uri }}\"\n",
    ),
    (
        "storage.Size",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: x\n- id: size\n  type: io.kestra.plugin.core.storage.Size\n  uri: \"{{ outputs.write.uri }}\"\n",
    ),
    (
        "storage.Split",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: \"1\\n2\\n3\\n\"\n- id: split\n  type: io.kestra.plugin.core.storage.Split\n  from: \"{{ outputs.write.uri }}\"\n  rows: 2\n",
    ),
    (
        "storage.Reverse",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: \"1\\n2\\n3\\n\"\n- id: reverse\n  type: io.kestra.plugin.core.storage.Reverse\n  from: \"{{ outputs.write.uri }}\"\n",
    ),
    (
        "storage.DeduplicateItems",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: |\n    {\"id\": 1, \"v\": \"a\"}\n    {\"id\": 1, \"v\": \"b\"}\n- id: unique\n  type: io.kestra.plugin.core.storage.DeduplicateItems\n  from: \"{{ outputs.write.uri }}\"\n  expr: \"{{ id }}\"\n",
    ),
    (
        "storage.FilterItems",
        "- id: write\n  type: io.kestra.plugin.core.storage.Write\n  content: |\n    {\"id\": 1}\n    {\"id\": 2}\n- id: filter\n  type: io.kestra.plugin.core.storage.FilterItems\n  from: \"{{ outputs.write.uri }}\"\n  filterCondition: \"{{ id > 1 }}\"\n",
    ),
    (
        "storage.LocalFiles",
        "- id: dir\n  type: io.kestra.plugin.core.flow.WorkingDirectory\n  tasks:\n    - id: files\n      type: io.kestra.plugin.core.storage.LocalFiles\n      inputs:\n        hello.txt: \"{{ flow.id }}\"\n",
    ),
    ("storage.PurgeCurrentExecutionFiles", "- id: purge\n  type: io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles\n"),
    (
        "http.Request",
        "- id: api\n  type: io.kestra.plugin.core.http.Request\n  uri: https://dummyjson.com/products\n  method: GET\n  options:\n    timeout:\n      readIdleTimeout: PT30S\n- id: use\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ fromJson(outputs.api.body).total }}\"\n",
    ),
    (
        "http.Download",
        "- id: file\n  type: io.kestra.plugin.core.http.Download\n  uri: https://dummyjson.com/products\n- id: size\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ outputs.file.length }} bytes in {{ outputs.file.uri }}\"\n",
    ),
    (
        "templating.TemplatedTask",
        "- id: made\n  type: io.kestra.plugin.core.templating.TemplatedTask\n  spec: |\n    id: inner\n    type: io.kestra.plugin.core.debug.Return\n    format: \"made for {{ flow.id }}\"\n",
    ),
    (
        "trigger.Toggle",
        "- id: off\n  type: io.kestra.plugin.core.trigger.Toggle\n  flowId: nightly\n  trigger: every_night\n  enabled: false\n",
    ),
];

/// A whole flow that shows a type; by its current name.
pub fn of(type_name: &str) -> Option<String> {
    let short = type_name.strip_prefix("io.kestra.plugin.core.")?;
    let (_, tasks) = EXAMPLES.iter().find(|(name, _)| *name == short)?;
    let tasks: String = tasks.lines().map(|line| format!("  {line}\n")).collect();
    Some(format!("id: example\nnamespace: company.team\n\ntasks:\n{tasks}"))
}

#[cfg(test)]
mod tests {
    use crate::{Flow, Sources, catalog::task::TASKS, yaml};

    #[test]
    fn every_core_task_has_an_example_that_is_valid() {
        for spec in TASKS {
            let text = super::of(spec.name).unwrap_or_else(|| panic!("{} has no example", spec.name));
            assert!(text.contains(spec.name), "{} is not in its example", spec.name);
            let mut sources = Sources::new();
            let (_, document) = yaml::parse_bytes(&mut sources, "example", text.as_bytes());
            let (_, violations) = Flow::from_node(&document.unwrap().root);
            assert!(!violations.has_errors(), "{}: {}", spec.name, violations.display(&sources));
        }
    }
}
