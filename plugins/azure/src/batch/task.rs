//! The job and its task that are created, as documents.

use serde_json::{Value, json};
use switchyard_cloud_api::{local, name};
use switchyard_plugin_api::{Error, Files, Paths, RunRequest, TaskRef, transfer::Wanted};

use super::{
    blob::FILE,
    command,
    properties::{Properties, Registry},
};

/// Longest name of a job: the task's is longer by five characters, and 64 is the limit.
const LONGEST: usize = 59;
/// Metadata with the task's whole key.
pub const KEY: &str = "switchyard-key";
/// Makes a folder of a node, where only files can be laid.
pub const MARK: &str = ".kestradirectory";
/// Most that the service takes in one request.
const MOST: usize = 1 << 20;
/// The signature of an address, for people.
pub const SIGNATURE: &str = "{signature}";

pub fn job_id(task: &TaskRef, round: u32) -> String {
    name::job_within(task, round, LONGEST)
}

pub fn task_id(job: &str) -> String {
    format!("task-{job}")
}

/// Folder in the storage for files on their way back.
pub fn outputs(folder: &str) -> String {
    format!("{folder}/.switchyard-outputs")
}

/// What is asked for back.
pub fn wanted(request: &RunRequest<Properties>) -> Wanted {
    if request.properties.sync_working_directory { Wanted::Everything } else { Wanted::of(&request.files) }
}

/// Names of the files that travel to the node, and whether any files travel at all.
#[derive(Debug, Clone, Default)]
pub struct Freight {
    pub inputs: Vec<String>,
    /// The marker that makes the output directory.
    pub mark: Option<String>,
    pub back: bool,
}

impl Freight {
    pub fn of(request: &RunRequest<Properties>) -> Result<Self, Error> {
        if request.properties.storage().is_none() {
            return Ok(Self::default());
        }
        let files = &request.files;
        let names = local::list(&files.working_dir, FILE)?.files;
        let mark = files.output_dir.as_ref().map(|folder| format!("{folder}/{MARK}"));
        // A marker that an earlier host left is made anew.
        let inputs = names.iter().filter_map(|name| name.to_str()).map(str::to_owned).filter(|name| Some(name) != mark.as_ref()).collect();
        Ok(Self { inputs, mark, back: wanted(request) != Wanted::Nothing })
    }

    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.mark.is_none() && !self.back
    }
}

/// Paths as the command sees them. It starts in its working directory, whose place only the node knows.
pub fn paths(properties: &Properties, files: &Files) -> Paths {
    if properties.storage().is_none() {
        return Paths::default();
    }
    Paths { working_dir: ".".to_owned(), output_dir: files.output_dir.clone(), bucket_path: Some(name::folder(files)) }
}

/// The body of the request that creates the job.
pub fn job(request: &RunRequest<Properties>, id: &str) -> Value {
    let labels = request.task.labels.iter().map(|(name, value)| (name.replace("kestra.io/", "kestra-"), value.clone()));
    let pairs = labels.chain([(KEY.to_owned(), name::hash(&request.task.key))]);
    let metadata: Vec<Value> = pairs.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "id": id, "poolInfo": { "poolId": request.properties.pool_id }, "metadata": metadata })
}

/// The task in the body of the request that adds it. `readable` and `writable` make addresses that a node may use.
pub fn task(
    request: &RunRequest<Properties>,
    job: &str,
    freight: &Freight,
    readable: impl Fn(&str) -> String,
    writable: impl Fn() -> String,
) -> Result<Value, Error> {
    let RunRequest { properties, command, files, .. } = request;
    let Some(image) = &command.image else {
        return Err(Error::user("azure_batch::image_required", "the task names no image")
            .with_help("set `containerImage` on the task, such as `containerImage: ubuntu`"));
    };
    if command.argv.is_empty() {
        return Err(Error::user("azure_batch::empty_command", "there is nothing to run").with_help("give `commands` at least one entry"));
    }
    if command.argv.iter().chain(command.env.values()).any(|text| text.contains('\0')) {
        return Err(Error::user("azure_batch::nul_character", "an argument or variable holds a NUL character").with_help("remove it"));
    }
    let mut container = json!({ "imageName": image, "workingDirectory": "taskWorkingDirectory" });
    if let Some(registry) = &properties.registry {
        container["registry"] = self::registry(registry);
    }
    if let Some(options) = properties.container_run_options.as_ref().filter(|options| !options.trim().is_empty()) {
        container["containerRunOptions"] = options.as_str().into();
    }
    let seconds = properties.limit(request.timeout()).as_secs().max(1);
    let mut task = json!({
        "id": task_id(job),
        "commandLine": command::line(&command.argv),
        "containerSettings": container,
        "environmentSettings": environment(request),
        "constraints": { "maxWallClockTime": format!("PT{seconds}S"), "maxTaskRetryCount": 0 },
    });
    let folder = name::folder(files);
    let travelling = freight.inputs.iter().chain(&freight.mark);
    let inputs: Vec<Value> = travelling.map(|name| json!({ "httpUrl": readable(&format!("{folder}/{name}")), "filePath": name })).collect();
    if !inputs.is_empty() {
        task["resourceFiles"] = inputs.into();
    }
    if freight.back {
        task["outputFiles"] = json!([{
            "filePattern": "**/*",
            "destination": { "container": { "containerUrl": writable(), "path": outputs(&folder) } },
            "uploadOptions": { "uploadCondition": "taskcompletion" },
        }]);
    }
    if let Some(slots) = properties.required_slots {
        task["requiredSlots"] = slots.into();
    }
    let size = task.to_string().len();
    if size >= MOST {
        return Err(Error::user("azure::too_large", format!("the task takes {size} bytes, and Azure Batch takes {MOST} at most"))
            .with_help("give the task fewer input files or a smaller environment; pack many files into an archive"));
    }
    Ok(task)
}

fn registry(registry: &Registry) -> Value {
    let mut document = json!({ "registryServer": registry.registry_server.as_deref().unwrap_or("docker.io") });
    if let Some(id) = registry.identity_reference.as_ref().and_then(|identity| identity.resource_id.as_ref()) {
        document["identityReference"] = json!({ "resourceId": id });
    }
    for (name, value) in [("username", &registry.user_name), ("password", &registry.password)] {
        if let Some(value) = value {
            document[name] = value.as_str().into();
        }
    }
    document
}

fn environment(request: &RunRequest<Properties>) -> Vec<Value> {
    let paths = paths(&request.properties, &request.files);
    let mut env = request.command.env.clone();
    let ours = [("WORKING_DIR", Some(paths.working_dir)), ("OUTPUT_DIR", paths.output_dir), ("BUCKET_PATH", paths.bucket_path)];
    for (name, value) in ours {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            env.entry(name.to_owned()).or_insert(value);
        }
    }
    env.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}
