//! The containers of a pod, and what users may change of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use switchyard_plugin_api::{PullPolicy, RunRequest};

use super::{Traffic, VOLUME, VOLUME_PATH, WORKING_DIR, merge, script};
use crate::{
    error::Failure,
    properties::{FileVolume, Medium, Properties, Resources},
};

/// The task's container.
pub const MAIN: &str = "main";
/// The init container that waits for input files.
pub const UPLOAD: &str = "init-files";
/// The container that keeps output files until they have been fetched.
pub const OUTPUT: &str = "out-files";

/// Who the file containers are when the task's container is not root, but nobody says who.
const NOBODY: i64 = 65534;

/// All containers of a pod.
pub struct Containers {
    init: Vec<Value>,
    regular: Vec<Value>,
}

impl Containers {
    /// Takes the containers out of the user's `podSpec` and adds ours.
    pub fn new(
        request: &RunRequest<Properties>,
        image: &str,
        traffic: Traffic,
        theirs: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let properties = &request.properties;
        let mut main = Value::Object(Map::new());
        let mut sidecars = Vec::new();
        for container in take(theirs, "containers")? {
            match container.get("name").and_then(Value::as_str) {
                Some(MAIN) => merge(&mut main, &container, ""),
                Some(name @ (UPLOAD | OUTPUT)) => notes.push(reserved(name)),
                _ => sidecars.push(container),
            }
        }
        let mut init = Vec::new();
        for container in take(theirs, "initContainers")? {
            match container.get("name").and_then(Value::as_str) {
                Some(name @ (UPLOAD | OUTPUT | MAIN)) => notes.push(reserved(name)),
                _ => init.push(container),
            }
        }
        if let Some(spec) = &properties.container_spec {
            merge(&mut main, &Value::Object(spec.clone()), "");
        }
        merge(&mut main, &our_main(request, image, traffic), "");
        let defaults = properties.container_default_spec.clone().map(Value::Object);
        let with_defaults = |container: Value| match &defaults {
            Some(defaults) => over(defaults.clone(), &container),
            None => container,
        };
        let user = user_of(theirs, &main);
        let file_container = |name: &str, command: String, image: &str| {
            let own = properties.file_sidecar.as_ref().and_then(|s| s.default_spec.clone()).map(Value::Object);
            let mut container = file_defaults(user);
            if let Some(defaults) = own.as_ref().or(defaults.as_ref()) {
                merge(&mut container, defaults, "");
            }
            if let Some(resources) = properties.file_sidecar.as_ref().and_then(|s| s.resources.as_ref()).and_then(resources) {
                merge(&mut container, &json!({ "resources": resources }), "");
            }
            if let Some(spec) = &properties.file_side_car_spec {
                merge(&mut container, &Value::Object(spec.clone()), "");
            }
            let ours = json!({
                "name": name,
                "image": image,
                "command": ["sh", "-c", command],
                "volumeMounts": [{ "name": VOLUME, "mountPath": VOLUME_PATH }],
            });
            merge(&mut container, &ours, "");
            container
        };
        let image = properties.file_image();
        if traffic.any() {
            let command =
                if traffic.inward { script::wait_for("ready") } else { script::make_directories(request.files.output_dir.as_deref()) };
            // First: other init containers may want the files.
            init.insert(0, file_container(UPLOAD, command, image));
        }
        let mut regular = vec![with_defaults(main)];
        regular.extend(sidecars.into_iter().map(with_defaults));
        let init = init.into_iter().map(|c| if c.get("name") == Some(&UPLOAD.into()) { c } else { with_defaults(c) }).collect();
        if traffic.outward {
            let mut container = file_container(OUTPUT, script::wait_for("ended"), image);
            container["workingDir"] = WORKING_DIR.into();
            regular.push(container);
        }
        Ok(Self { init, regular })
    }

    /// Puts them into the pod.
    pub fn place(self, spec: &mut Map<String, Value>) {
        if !self.init.is_empty() {
            spec.insert("initContainers".to_owned(), Value::Array(self.init));
        }
        spec.insert("containers".to_owned(), Value::Array(self.regular));
    }
}

fn reserved(name: &str) -> String {
    format!("the container {name} of podSpec is left out: the name is reserved for the runner's own")
}

fn take(spec: &mut Map<String, Value>, field: &str) -> Result<Vec<Value>, Failure> {
    match spec.shift_remove(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) if items.iter().all(|i| i.get("name").is_some_and(Value::is_string)) => Ok(items),
        Some(_) => Err(Failure::InvalidField { reason: format!("podSpec.{field} is not a list of containers, each with a name") }),
    }
}

fn over(mut base: Value, patch: &Value) -> Value {
    merge(&mut base, patch, "");
    base
}

fn our_main(request: &RunRequest<Properties>, image: &str, traffic: Traffic) -> Value {
    let properties = &request.properties;
    let mut env: BTreeMap<&str, String> = BTreeMap::from([("WORKING_DIR", WORKING_DIR.to_owned())]);
    if let Some(output) = &request.files.output_dir {
        env.insert("OUTPUT_DIR", format!("{WORKING_DIR}/{output}"));
    }
    env.extend(request.command.env.iter().map(|(name, value)| (name.as_str(), value.clone())));
    // Without file containers the volume is the working directory itself, so that the path exists for every task.
    let mount = if traffic.any() { VOLUME_PATH } else { WORKING_DIR };
    let mut main = json!({
        "name": MAIN,
        "image": image,
        "imagePullPolicy": pull_policy(properties.pull_policy.unwrap_or(PullPolicy::IfNotPresent)),
        "command": request.command.argv.iter().map(|a| literal(a)).collect::<Vec<_>>(),
        "env": env.into_iter().map(|(name, value)| json!({ "name": name, "value": literal(&value) })).collect::<Vec<_>>(),
        "volumeMounts": [{ "name": VOLUME, "mountPath": mount }],
    });
    if traffic.any() {
        main["workingDir"] = WORKING_DIR.into();
    }
    if let Some(resources) = properties.resources.as_ref().and_then(resources) {
        main["resources"] = resources;
    }
    main
}

fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    }
}

/// Keeps Kubernetes from replacing `$(NAME)` by a variable and `$$` by `$`: a command is meant as it is written.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        literal.push(c);
        if c == '$' && matches!(rest.peek(), Some('$' | '(')) {
            literal.push('$');
        }
    }
    literal
}

fn resources(resources: &Resources) -> Option<Value> {
    let mut found = Map::new();
    for (name, values) in [("requests", &resources.request), ("limits", &resources.limit)] {
        let values: Map<String, Value> = values.iter().flatten().map(|(k, v)| (k.clone(), Value::from(v.0.trim()))).collect();
        if !values.is_empty() {
            found.insert(name.to_owned(), Value::Object(values));
        }
    }
    (!found.is_empty()).then_some(Value::Object(found))
}

/// The user that the task's container runs as, when the pod says so and it is not root.
fn user_of(spec: &Map<String, Value>, main: &Value) -> Option<i64> {
    let user = |context: Option<&Value>| context.and_then(|c| c.get("runAsUser")).and_then(Value::as_i64);
    let contexts = [main.get("securityContext"), spec.get("securityContext")];
    let not_root = contexts.iter().flatten().any(|c| c.get("runAsNonRoot") == Some(&Value::Bool(true)));
    contexts.into_iter().find_map(user).filter(|uid| *uid != 0).or(not_root.then_some(NOBODY))
}

/// The file containers run as the task's user, so that both may read what the other wrote. As another user than root they need no rights at all,
/// and namespaces that ask for that admit them.
fn file_defaults(user: Option<i64>) -> Value {
    let context = match user {
        Some(uid) => json!({
            "runAsUser": uid,
            "runAsNonRoot": true,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        }),
        None => json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true }),
    };
    json!({
        "imagePullPolicy": "IfNotPresent",
        "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
        "securityContext": context,
    })
}

/// The shared volume.
pub fn volume(properties: &Properties) -> Result<Value, Failure> {
    let FileVolume { medium, size_limit, claim_name, volume_claim_template } = properties.file_volume.clone().unwrap_or_default();
    match (claim_name, volume_claim_template) {
        (Some(_), Some(_)) => Err(Failure::InvalidField { reason: "fileVolume has both a claimName and a volumeClaimTemplate".to_owned() }),
        (Some(claim), None) => Ok(json!({ "name": VOLUME, "persistentVolumeClaim": { "claimName": claim } })),
        (None, Some(spec)) => {
            // Both a claim's spec and a whole template are understood.
            let template = if spec.contains_key("spec") { Value::Object(spec) } else { json!({ "spec": spec }) };
            Ok(json!({ "name": VOLUME, "ephemeral": { "volumeClaimTemplate": template } }))
        }
        (None, None) => {
            let mut directory = Map::new();
            if medium.unwrap_or_default() == Medium::Memory {
                directory.insert("medium".to_owned(), "Memory".into());
            }
            if let Some(limit) = size_limit {
                directory.insert("sizeLimit".to_owned(), limit.0.into());
            }
            Ok(json!({ "name": VOLUME, "emptyDir": directory }))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn kube_k1_commands_are_meant_as_they_are_written() {
        for (written, sent) in [
            ("echo $(date)", "echo $$(date)"),
            ("echo $$", "echo $$$"),
            ("echo $$(date)", "echo $$$$(date)"),
            ("echo $HOME $", "echo $HOME $"),
        ] {
            assert_eq!(super::literal(written), sent);
        }
    }
}
