//! The job that is created for a task, as a document.

use serde_json::{Map, Value, json};
use switchyard_cloud_api::{google::name::labels, name};
use switchyard_plugin_api::{Error, Files, Paths, RunRequest};

use crate::properties::Properties;

/// Name of the volume with the task's files.
const VOLUME: &str = "kestra-io";
/// Whether files have to travel.
pub fn moves_files(request: &RunRequest<Properties>) -> bool {
    request.properties.bucket.is_some()
}

/// Paths as the command sees them.
pub fn paths(properties: &Properties, files: &Files) -> Paths {
    let Some(bucket) = &properties.bucket else { return Paths::default() };
    let folder = name::folder(files);
    let working_dir = format!("{}/{folder}", properties.mount_path.trim_end_matches('/'));
    Paths {
        output_dir: files.output_dir.as_ref().map(|output| format!("{working_dir}/{output}")),
        working_dir,
        bucket_path: Some(format!("gs://{bucket}/{folder}")),
    }
}

/// The body of the request that creates the job.
pub fn document(request: &RunRequest<Properties>, runtime_account: Option<&str>) -> Result<Value, Error> {
    let RunRequest { properties, command, .. } = request;
    let Some(image) = &command.image else {
        return Err(Error::user("cloud_run::image_required", "the task names no image")
            .with_help("set `containerImage` on the task, such as `containerImage: ubuntu`"));
    };
    if command.argv.is_empty() {
        return Err(Error::user("cloud_run::empty_command", "there is nothing to run").with_help("give `commands` at least one entry"));
    }
    if command.argv.iter().chain(command.env.values()).any(|text| text.contains('\0')) {
        return Err(Error::user("cloud_run::nul_character", "an argument or variable holds a NUL character").with_help("remove it"));
    }
    let paths = paths(properties, &request.files);
    let mut env = command.env.clone();
    for (name, value) in
        [("WORKING_DIR", Some(&paths.working_dir)), ("OUTPUT_DIR", paths.output_dir.as_ref()), ("BUCKET_PATH", paths.bucket_path.as_ref())]
    {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            env.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    let env: Vec<Value> = env.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut container = json!({ "image": image, "command": command.argv, "env": env });
    let (mut volumes, mut mounts) = (Vec::new(), Vec::new());
    if let Some(bucket) = properties.bucket.as_ref().filter(|_| moves_files(request)) {
        volumes.push(json!({ "name": VOLUME, "gcs": { "bucket": bucket, "readOnly": false } }));
        mounts.push(json!({ "name": VOLUME, "mountPath": properties.mount_path }));
        container["workingDir"] = paths.working_dir.into();
    }
    for (number, volume) in properties.volumes.iter().enumerate() {
        let name = format!("volume-{number}");
        volumes.push(json!({ "name": name, "gcs": { "bucket": volume.bucket, "readOnly": volume.read_only } }));
        mounts.push(json!({ "name": name, "mountPath": volume.mount_path }));
    }
    if !mounts.is_empty() {
        container["volumeMounts"] = mounts.into();
    }
    let limits: Map<String, Value> = [("cpu", &properties.resources.cpu), ("memory", &properties.resources.memory)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())))
        .collect();
    if !limits.is_empty() {
        container["resources"] = json!({ "limits": limits });
    }
    let mut template = json!({
        "containers": [container],
        "maxRetries": properties.max_retries,
        "timeout": seconds(request),
    });
    if !volumes.is_empty() {
        template["volumes"] = volumes.into();
    }
    if let Some(account) = runtime_account {
        template["serviceAccount"] = account.into();
    }
    if let Some(access) = vpc_access(properties) {
        template["vpcAccess"] = access;
    }
    let labels = labels(&request.task);
    Ok(json!({ "labels": labels, "template": { "labels": labels, "taskCount": 1, "template": template } }))
}

fn vpc_access(properties: &Properties) -> Option<Value> {
    let mut access = Map::new();
    if let Some(connector) = &properties.vpc_access_connector {
        access.insert("connector".to_owned(), connector.as_str().into());
    }
    if properties.network.is_some() || properties.subnetwork.is_some() {
        let names = [("network", &properties.network), ("subnetwork", &properties.subnetwork)];
        let interface: Map<String, Value> =
            names.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into()))).collect();
        access.insert("networkInterfaces".to_owned(), json!([interface]));
    }
    if let (Some(egress), false) = (properties.vpc_egress, access.is_empty()) {
        access.insert("egress".to_owned(), json!(egress));
    }
    (!access.is_empty()).then_some(Value::Object(access))
}

/// What one run changes about the job.
pub fn overrides(request: &RunRequest<Properties>) -> Value {
    json!({ "overrides": { "taskCount": 1, "timeout": seconds(request) } })
}

fn seconds(request: &RunRequest<Properties>) -> String {
    format!("{}s", request.properties.limit(request.timeout()).as_secs().max(1))
}
