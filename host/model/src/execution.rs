//! One run of a flow, in the JSON shape that clients know.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::label::Label;
use crate::state::{State, StateHistory};

/// Values by name; shared, because expressions borrow them and task runs keep them.
pub type JsonMap = serde_json::Map<String, Json>;

/// Spec 12.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    pub id: Arc<str>,
    pub namespace: Arc<str>,
    pub flow_id: Arc<str>,
    #[serde(default)]
    pub flow_revision: u32,
    #[serde(default)]
    pub labels: Vec<Label>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub inputs: Arc<JsonMap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<JsonMap>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub variables: Arc<JsonMap>,
    #[serde(default)]
    pub task_run_list: Vec<TaskRun>,
    pub state: StateHistory,
    /// The execution that this one replays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Arc<str>>,
    /// The first of a chain of replays and retries; its own id when it is the first.
    pub original_id: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<ExecutionTrigger>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_date: Option<Timestamp>,
    #[serde(default)]
    pub deleted: bool,
    pub metadata: ExecutionMetadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Arc<str>>,
}

/// What started an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionTrigger {
    pub id: Arc<str>,
    #[serde(rename = "type")]
    pub type_name: Arc<str>,
    #[serde(default)]
    pub variables: Arc<JsonMap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionMetadata {
    /// From 1.
    pub attempt_number: u32,
    pub original_created_date: Timestamp,
    /// How many executions started each other before this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
}

impl Execution {
    pub fn new(
        id: impl Into<Arc<str>>,
        namespace: impl Into<Arc<str>>,
        flow_id: impl Into<Arc<str>>,
        flow_revision: u32,
        now: Timestamp,
    ) -> Self {
        let id: Arc<str> = id.into();
        Self {
            original_id: Arc::clone(&id),
            id,
            namespace: namespace.into(),
            flow_id: flow_id.into(),
            flow_revision,
            labels: Vec::new(),
            inputs: Arc::default(),
            outputs: None,
            variables: Arc::default(),
            task_run_list: Vec::new(),
            state: StateHistory::new(State::Created, now),
            parent_id: None,
            trigger: None,
            schedule_date: None,
            deleted: false,
            metadata: ExecutionMetadata { attempt_number: 1, original_created_date: now, depth: 0 },
            kind: None,
            url: None,
        }
    }

    pub fn task_run(&self, id: &str) -> Option<&TaskRun> {
        self.task_run_list.iter().find(|run| &*run.id == id)
    }

    pub fn task_run_mut(&mut self, id: &str) -> Option<&mut TaskRun> {
        self.task_run_list.iter_mut().find(|run| &*run.id == id)
    }

    /// All runs of a task; a task inside a loop has several.
    pub fn runs_of<'a>(&'a self, task_id: &'a str) -> impl Iterator<Item = &'a TaskRun> {
        self.task_run_list.iter().filter(move |run| &*run.task_id == task_id)
    }
}

/// One task of one execution; spec 8.8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRun {
    pub id: Arc<str>,
    pub execution_id: Arc<str>,
    pub namespace: Arc<str>,
    pub flow_id: Arc<str>,
    pub task_id: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_task_run_id: Option<Arc<str>>,
    /// The loop's value, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Arc<str>>,
    /// The loop's count, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u64>,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub outputs: Arc<JsonMap>,
    pub state: StateHistory,
}

/// One try of a task run; the first has index 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub state: StateHistory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<Arc<str>>,
    /// What the task measured, one entry per name, type and tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    pub name: Arc<str>,
    #[serde(rename = "type")]
    pub kind: MetricKind,
    /// Seconds for a timer.
    pub value: f64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// Values are added.
    Counter,
    /// Durations are added.
    Timer,
    /// The last value counts.
    Gauge,
}

impl Metric {
    /// Adds it to those that are known: values of one name, type and tags are one.
    pub fn record(self, known: &mut Vec<Self>) {
        let same = |other: &&mut Self| other.kind == self.kind && other.name == self.name && other.tags == self.tags;
        match known.iter_mut().find(same) {
            Some(other) if self.kind == MetricKind::Gauge => other.value = self.value,
            Some(other) => other.value += self.value,
            None => known.push(self),
        }
    }
}

impl Attempt {
    pub fn new(state: State, now: Timestamp) -> Self {
        Self { state: StateHistory::new(state, now), log_file: None, worker_id: None, metrics: Vec::new() }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_empty(map: &Arc<JsonMap>) -> bool {
    map.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_shape_8_8_and_12_3() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut execution = Execution::new("4Zr", "myteam", "process_script_runner", 3, now);
        execution.labels.push(Label::new("team", "data"));
        execution.task_run_list.push(TaskRun {
            id: "2Ab".into(),
            execution_id: Arc::clone(&execution.id),
            namespace: Arc::clone(&execution.namespace),
            flow_id: Arc::clone(&execution.flow_id),
            task_id: "shell".into(),
            parent_task_run_id: Some("1Aa".into()),
            value: Some("x".into()),
            iteration: Some(0),
            attempts: vec![Attempt::new(State::Running, now)],
            outputs: Arc::new(json!({"exitCode": 0}).as_object().unwrap().clone()),
            state: StateHistory::new(State::Running, now),
        });
        insta::assert_json_snapshot!(execution, @r#"
        {
          "id": "4Zr",
          "namespace": "myteam",
          "flowId": "process_script_runner",
          "flowRevision": 3,
          "labels": [
            {
              "key": "team",
              "value": "data"
            }
          ],
          "taskRunList": [
            {
              "id": "2Ab",
              "executionId": "4Zr",
              "namespace": "myteam",
              "flowId": "process_script_runner",
              "taskId": "shell",
              "parentTaskRunId": "1Aa",
              "value": "x",
              "iteration": 0,
              "attempts": [
                {
                  "state": {
                    "current": "RUNNING",
                    "histories": [
                      {
                        "state": "RUNNING",
                        "date": "2023-11-14T22:13:20Z"
                      }
                    ],
                    "startDate": "2023-11-14T22:13:20Z"
                  }
                }
              ],
              "outputs": {
                "exitCode": 0
              },
              "state": {
                "current": "RUNNING",
                "histories": [
                  {
                    "state": "RUNNING",
                    "date": "2023-11-14T22:13:20Z"
                  }
                ],
                "startDate": "2023-11-14T22:13:20Z"
              }
            }
          ],
          "state": {
            "current": "CREATED",
            "histories": [
              {
                "state": "CREATED",
                "date": "2023-11-14T22:13:20Z"
              }
            ],
            "startDate": "2023-11-14T22:13:20Z"
          },
          "originalId": "4Zr",
          "deleted": false,
          "metadata": {
            "attemptNumber": 1,
            "originalCreatedDate": "2023-11-14T22:13:20Z"
          }
        }
        "#);
        let text = serde_json::to_string(&execution).unwrap();
        assert_eq!(serde_json::from_str::<Execution>(&text).unwrap(), execution);
    }
}
