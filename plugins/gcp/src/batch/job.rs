//! The job that is created for a task, as a document.

use serde_json::{Map, Value, json};
use switchyard_cloud_api::{google::name::labels, local, name};
use switchyard_plugin_api::{Error, Files, Paths, RunRequest, Text};

use super::{properties::Properties, size};

/// Where the machine mounts the folder of the bucket.
const SHARE: &str = "/mnt/disks/share";
/// All jobs of ours carry it, so that one question finds them.
pub const OURS: (&str, &str) = ("managed-by", "switchyard");

/// Whether files have to travel.
pub fn moves_files(request: &RunRequest<Properties>) -> bool {
    let RunRequest { properties, files, .. } = request;
    let wanted = !files.outputs.is_empty() || files.output_dir.is_some() || files.shared;
    properties.bucket.is_some()
        && (wanted
            || properties.sync_working_directory
            || properties.start_in_working_directory
            || local::may_have_files(&files.working_dir))
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
pub fn document(request: &RunRequest<Properties>) -> Result<Value, Error> {
    let RunRequest { properties, .. } = request;
    let moves = moves_files(request);
    let mut task = json!({
        "runnables": [{ "container": container(request, moves)?, "environment": { "variables": environment(request) } }],
        "maxRunDuration": format!("{}s", properties.limit(request.timeout()).as_secs().max(1)),
        "maxRetryCount": properties.max_retry_count,
    });
    if !properties.lifecycle_policies.is_empty() {
        task["lifecyclePolicies"] = json!(properties.lifecycle_policies);
    }
    let resources = resources(properties)?;
    if !resources.is_empty() {
        task["computeResource"] = resources.into();
    }
    if let Some(bucket) = properties.bucket.as_ref().filter(|_| moves) {
        let folder = name::folder(&request.files);
        task["volumes"] = json!([{ "gcs": { "remotePath": format!("{bucket}/{folder}") }, "mountPath": SHARE }]);
    }
    let mut labels = labels(&request.task);
    labels.insert(OURS.0.to_owned(), OURS.1.to_owned());
    let mut allocation = allocation(properties);
    // Machines cost money: their bill can be told apart by the same labels.
    allocation["labels"] = json!(labels);
    Ok(json!({
        "taskGroups": [{ "taskCount": "1", "taskSpec": task }],
        "allocationPolicy": allocation,
        "labels": labels,
        "logsPolicy": { "destination": "CLOUD_LOGGING" },
    }))
}

fn container(request: &RunRequest<Properties>, moves: bool) -> Result<Value, Error> {
    let RunRequest { properties, command, .. } = request;
    let Some(image) = &command.image else {
        return Err(Error::user("gcp_batch::image_required", "the task names no image")
            .with_help("set `containerImage` on the task, such as `containerImage: ubuntu`"));
    };
    if command.argv.is_empty() {
        return Err(Error::user("gcp_batch::empty_command", "there is nothing to run").with_help("give `commands` at least one entry"));
    }
    if command.argv.iter().chain(command.env.values()).any(|text| text.contains('\0')) {
        return Err(Error::user("gcp_batch::nul_character", "an argument or variable holds a NUL character").with_help("remove it"));
    }
    let mut container = json!({ "imageUri": image, "commands": command.argv });
    // Batch takes one program; what an entrypoint has besides comes before the command, as a container engine would do it.
    let mut words = properties.entry_point.iter().flat_map(|words| &words.0).map(|word| word.0.as_str()).filter(|word| !word.is_empty());
    if let Some(program) = words.next() {
        container["entrypoint"] = program.into();
        container["commands"] = words.map(Value::from).chain(command.argv.iter().map(|word| word.as_str().into())).collect();
    }
    if moves {
        let folder = paths(properties, &request.files).working_dir;
        container["volumes"] = json!([format!("{SHARE}:{folder}")]);
        if properties.start_in_working_directory {
            container["options"] = format!("--workdir {folder}").into();
        }
    }
    Ok(container)
}

fn environment(request: &RunRequest<Properties>) -> Map<String, Value> {
    let paths = paths(&request.properties, &request.files);
    let mut env = request.command.env.clone();
    let ours = [("WORKING_DIR", Some(paths.working_dir)), ("OUTPUT_DIR", paths.output_dir), ("BUCKET_PATH", paths.bucket_path)];
    for (name, value) in ours {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            env.entry(name.to_owned()).or_insert(value);
        }
    }
    env.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// Numbers that may be large are text in Google's JSON.
fn resources(properties: &Properties) -> Result<Map<String, Value>, Error> {
    let asked = &properties.compute_resource;
    let mut resources = Map::new();
    let mut add = |name: &str, property: &str, value: &Option<Text>, parse: fn(&str) -> Result<u64, String>| {
        let Some(text) = value else { return Ok(()) };
        let count = parse(&text.0).map_err(|message| {
            Error::user("gcp_batch::resource", message).at(format!("/computeResource/{property}")).with_help("correct it")
        })?;
        resources.insert(name.to_owned(), count.to_string().into());
        Ok(())
    };
    add("cpuMilli", "cpu", &asked.cpu, size::milli_cpu)?;
    add("memoryMib", "memory", &asked.memory, size::mebibytes)?;
    add("bootDiskMib", "bootDisk", &asked.boot_disk, size::mebibytes)?;
    Ok(resources)
}

fn allocation(properties: &Properties) -> Value {
    let mut policy = json!({ "machineType": properties.machine_type });
    if let Some(reservation) = &properties.reservation {
        policy["reservation"] = reservation.as_str().into();
    }
    if let Some(model) = properties.provisioning_model {
        policy["provisioningModel"] = json!(model);
    }
    let mut instance = json!({});
    if !properties.accelerators.is_empty() {
        let accelerator = |of: &super::properties::Accelerator| json!({ "type": of.kind, "count": of.count.to_string() });
        policy["accelerators"] = properties.accelerators.iter().map(accelerator).collect();
        if properties.accelerators.iter().any(|accelerator| accelerator.install_gpu_drivers) {
            instance["installGpuDrivers"] = true.into();
        }
    }
    instance["policy"] = policy;
    let mut allocation = json!({ "instances": [instance] });
    if !properties.network_interfaces.is_empty() {
        let interface = |of: &super::properties::NetworkInterface| {
            let mut interface = json!({ "network": of.network });
            if let Some(subnetwork) = &of.subnetwork {
                interface["subnetwork"] = subnetwork.as_str().into();
            }
            if of.no_external_ip_address {
                interface["noExternalIpAddress"] = true.into();
            }
            interface
        };
        allocation["network"] = json!({ "networkInterfaces": properties.network_interfaces.iter().map(interface).collect::<Vec<_>>() });
    }
    if !properties.allowed_locations.is_empty() {
        allocation["location"] = json!({ "allowedLocations": properties.allowed_locations });
    }
    if let Some(account) = &properties.runtime_service_account {
        allocation["serviceAccount"] = json!({ "email": account });
    }
    allocation
}
