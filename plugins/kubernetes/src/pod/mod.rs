//! The pod that a request asks for: pure data, shown by a preview and sent by a run.

mod containers;
mod fields;
mod merge;
mod name;
mod script;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};
use switchyard_plugin_api::{prelude::*, transfer};

pub use containers::{MAIN, OUTPUT, UPLOAD};
pub use merge::merge;
pub use name::{key_label, pod_name, secret_name};
pub use script::{PACK, UNPACK};

use crate::{
    error::Failure,
    properties::{Config, Properties, SecretName},
};

/// Label that all pods of ours carry: what the watch selects.
pub const OURS: (&str, &str) = ("app.kubernetes.io/managed-by", "switchyard");
/// Label with a digest of the task's key, annotation with the key itself.
pub const KEY: &str = "switchyard.run/key";
/// Annotation of a pod whose result the host has.
pub const REPORTED: &str = "kestra.io/result-reported";
/// Annotation of a pod that the flow wants to be kept.
pub const KEEP: &str = "switchyard.run/keep";
/// Label with the host that made it, or rather with the journal that the host keeps.
pub const INSTANCE: &str = "kestra.io/runner-instance";
/// Where the shared volume is.
pub const VOLUME_PATH: &str = "/kestra";
/// The working directory.
pub const WORKING_DIR: &str = "/kestra/working-dir";
/// Its volume.
pub const VOLUME: &str = "kestra-files";

/// Which files have to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Something is in the working directory.
    pub inward: bool,
    /// Something is expected from it.
    pub outward: bool,
}

impl Traffic {
    /// What these files need.
    pub fn of(files: &Files, properties: &Properties) -> Self {
        let outward = !files.outputs.is_empty() || files.output_dir.is_some() || files.shared || properties.sync_working_directory();
        Self { inward: transfer::has_entries(&files.working_dir), outward }
    }

    /// Whether there is a file container.
    pub fn any(self) -> bool {
        self.inward || self.outward
    }
}

/// A pod to be.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Deterministic name: creating it twice is a conflict, not a second pod.
    pub name: String,
    /// The pod.
    pub pod: Value,
    /// A pull secret to be, and its name.
    pub secret: Option<(String, Value)>,
    /// What will be ignored or treated differently.
    pub notes: Vec<String>,
}

impl Blueprint {
    /// The pod for a request.
    pub fn new(request: &RunRequest<Properties>) -> Result<Self, Failure> {
        let properties = &request.properties;
        let image = request.command.image.as_deref().map(str::trim).filter(|i| !i.is_empty()).ok_or(Failure::ImageRequired)?;
        if request.command.argv.is_empty() {
            return Err(Failure::EmptyCommand);
        }
        if let Some(at) = request.command.argv.iter().position(|argument| argument.contains('\0')) {
            return Err(Failure::InvalidField { reason: format!("argument {at} of the command contains a NUL character") });
        }
        let traffic = Traffic::of(&request.files, properties);
        let name = pod_name(&request.task);
        let mut notes = Vec::new();
        if properties.config.as_ref().is_some_and(Config::insecure) {
            notes.push("the API server's certificate is not checked (config.trustCerts, disableHostnameVerification)".to_owned());
        }
        let secret = properties
            .credentials
            .as_ref()
            .map(|credentials| {
                let secret_name = secret_name(&name);
                crate::secret::document(&secret_name, credentials, image, &labels(request)).map(|document| (secret_name, document))
            })
            .transpose()?;
        let spec = spec(request, image, traffic, secret.as_ref().map(|(name, _)| name.as_str()), &mut notes)?;
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": properties.namespace(),
                "labels": labels(request),
                "annotations": annotations(request),
            },
            "spec": spec,
        });
        fields::check::<Pod>(&pod)?;
        Ok(Self { name, pod, secret, notes })
    }
}

fn labels(request: &RunRequest<Properties>) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        request.properties.labels.iter().flatten().map(|(name, value)| (name.clone(), name::label_value(&value.0))).collect();
    labels.extend(request.task.labels.iter().map(|(name, value)| (name.clone(), name::label_value(value))));
    labels.insert(KEY.to_owned(), key_label(&request.task.key));
    labels.insert(OURS.0.to_owned(), OURS.1.to_owned());
    labels
}

fn annotations(request: &RunRequest<Properties>) -> BTreeMap<String, String> {
    let task = &request.task;
    let mut annotations: BTreeMap<String, String> = BTreeMap::from([
        // A task that is moved to another node starts from nothing: autoscalers let it finish.
        ("cluster-autoscaler.kubernetes.io/safe-to-evict".to_owned(), "false".to_owned()),
        ("karpenter.sh/do-not-disrupt".to_owned(), "true".to_owned()),
    ]);
    annotations.extend(request.properties.annotations.iter().flatten().map(|(name, value)| (name.clone(), value.0.clone())));
    if !request.properties.delete() {
        annotations.insert(KEEP.to_owned(), "true".to_owned());
    }
    let exact = [
        (KEY, &task.key),
        ("kestra.io/namespace", &task.namespace),
        ("kestra.io/flow-id", &task.flow_id),
        ("kestra.io/task-id", &task.task_id),
        ("kestra.io/execution-id", &task.execution_id),
        ("kestra.io/taskrun-id", &task.taskrun_id),
    ];
    annotations.extend(exact.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value.clone())));
    annotations
}

fn spec(
    request: &RunRequest<Properties>,
    image: &str,
    traffic: Traffic,
    secret: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Value, Failure> {
    let properties = &request.properties;
    let mut theirs = properties.pod_spec.clone().unwrap_or_default();
    let containers = containers::Containers::new(request, image, traffic, &mut theirs, notes)?;
    let mut ours = Map::new();
    ours.insert("restartPolicy".to_owned(), "Never".into());
    let limit = properties.wait_until_running() + properties.run_limit(request.timeout()) + std::time::Duration::from_secs(600);
    // Ends the pod when every host is gone for good.
    ours.insert("activeDeadlineSeconds".to_owned(), limit.as_secs().into());
    let text = |value: &Option<String>| value.as_deref().map(str::trim).filter(|v| !v.is_empty()).map(Value::from);
    let grace = properties.termination_grace_period.map(|d| Value::from(d.0.as_millis().div_ceil(1000) as u64));
    let selector = properties.node_selector.as_ref().map(|s| s.iter().map(|(k, v)| (k.clone(), Value::from(v.0.clone()))).collect());
    let secrets: Vec<Value> =
        properties.image_pull_secrets.iter().flatten().map(SecretName::as_str).chain(secret).map(|name| json!({ "name": name })).collect();
    let fields = [
        ("serviceAccountName", text(&properties.service_account_name)),
        ("runtimeClassName", text(&properties.runtime_class_name)),
        ("priorityClassName", text(&properties.priority_class_name)),
        ("terminationGracePeriodSeconds", grace),
        ("nodeSelector", selector.map(Value::Object)),
        ("affinity", properties.affinity.clone().map(Value::Object)),
        ("tolerations", properties.tolerations.clone().map(Value::Array)),
        ("imagePullSecrets", Some(Value::Array(secrets)).filter(|s| s.as_array().is_some_and(|s| !s.is_empty()))),
        ("volumes", Some(json!([containers::volume(properties)?]))),
    ];
    ours.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    // `podSpec` gives defaults; what the runner sets wins, apart from limits that only a pod knows.
    let mut spec = Value::Object(theirs);
    let deadline = spec.get("activeDeadlineSeconds").cloned();
    merge(&mut spec, &Value::Object(ours), "spec");
    if let Some(spec) = spec.as_object_mut() {
        if let Some(deadline) = deadline {
            spec.insert("activeDeadlineSeconds".to_owned(), deadline);
        }
        containers.place(spec);
    }
    Ok(spec)
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod pod_tests;
