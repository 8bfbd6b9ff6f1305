//! What is asked of Batch, as documents.

use serde_json::{Value, json};
use switchyard_plugin_api::{
    Error, Files, Paths, RunRequest,
    transfer::{self, Wanted},
};

use super::{files::MARK, name, platform::Platform, properties::Properties, size::Sizes};
use crate::api::MAIN;

/// The containers that move files, and the volume that they share with the command.
pub const INPUT: &str = "inputFiles";
pub const OUTPUT: &str = "outputFiles";
const VOLUME: &str = "kestra";
/// The largest job definition that Batch takes, in bytes.
const LARGEST: usize = 24 * 1024;
/// The least time limit that Batch takes, in seconds.
const LEAST: u64 = 60;

/// Which files travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moves {
    pub inputs: bool,
    pub outputs: bool,
}

impl Moves {
    pub fn of(request: &RunRequest<Properties>) -> Self {
        let (properties, files) = (&request.properties, &request.files);
        let bucket = properties.bucket().is_some();
        Self {
            inputs: bucket && (files.output_dir.is_some() || transfer::has_entries(&files.working_dir)),
            outputs: bucket && (properties.sync_working_directory || Wanted::of(files) != Wanted::Nothing),
        }
    }

    fn any(self) -> bool {
        self.inputs || self.outputs
    }
}

/// Paths as the command sees them.
pub fn paths(properties: &Properties, files: &Files) -> Paths {
    let folder = switchyard_cloud_api::name::folder(files);
    let working_dir = format!("{}/{folder}", properties.mount_path.trim_end_matches('/'));
    Paths {
        output_dir: files.output_dir.as_ref().map(|output| format!("{working_dir}/{output}")),
        working_dir,
        bucket_path: properties.bucket().map(|bucket| format!("s3://{bucket}/{folder}")),
    }
}

/// What can be wrong before anything is asked of AWS.
pub fn check(request: &RunRequest<Properties>) -> Result<(), Error> {
    let RunRequest { properties, command, files, .. } = request;
    if command.image.is_none() {
        return Err(Error::user("aws_batch::image_required", "the task names no image")
            .with_help("set `containerImage` on the task, such as `containerImage: ubuntu`"));
    }
    if command.argv.is_empty() {
        return Err(Error::user("aws_batch::empty_command", "there is nothing to run").with_help("give `commands` at least one entry"));
    }
    if command.argv.iter().chain(command.env.values()).any(|text| text.contains('\0')) {
        return Err(Error::user("aws_batch::nul_character", "an argument or variable holds a NUL character").with_help("remove it"));
    }
    if properties.bucket().is_none() && (!files.outputs.is_empty() || files.output_dir.is_some()) {
        return Err(Error::user("aws_batch::bucket_required", "the task has output files, which travel through a bucket")
            .at("/bucket")
            .with_help("set `bucket`, or remove `outputFiles`"));
    }
    Ok(())
}

/// What this kind of environment needs.
pub fn check_platform(properties: &Properties, platform: Platform, moves: Moves) -> Result<(), Error> {
    if platform != Platform::Fargate {
        return Ok(());
    }
    let given = |role: &Option<String>| role.as_ref().is_some_and(|role| !role.trim().is_empty());
    let missing = |name: &str, why: &str, help: &str| {
        Err(Error::user("aws_batch::role_required", why.to_owned()).at(format!("/{name}")).with_help(help))
    };
    if !given(&properties.execution_role_arn) {
        return missing(
            "executionRoleArn",
            "on Fargate a role has to pull the image and write the log, and none is named",
            "set `executionRoleArn` to a role with the policy AmazonECSTaskExecutionRolePolicy",
        );
    }
    if moves.any() && !given(&properties.task_role_arn) {
        return missing(
            "taskRoleArn",
            "the containers for files reach the bucket by `taskRoleArn`, and none is named",
            "set `taskRoleArn` to a role that may read and write the bucket",
        );
    }
    Ok(())
}

fn pairs(variables: impl IntoIterator<Item = (String, String)>) -> Value {
    variables.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// The body that registers the job definition.
pub fn definition(request: &RunRequest<Properties>, platform: Platform, moves: Moves, sizes: &Sizes, endpoint: Option<&str>) -> Value {
    let RunRequest { properties, command, files, task, .. } = request;
    let Paths { working_dir, output_dir, bucket_path } = paths(properties, files);
    let mounts = json!([{ "sourceVolume": VOLUME, "containerPath": working_dir, "readOnly": false }]);
    let mut env = command.env.clone();
    for (name, value) in [("WORKING_DIR", Some(&working_dir)), ("OUTPUT_DIR", output_dir.as_ref()), ("BUCKET_PATH", bucket_path.as_ref())] {
        if let Some(value) = value {
            env.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    let mut main = json!({
        "name": MAIN,
        "image": command.image,
        "command": command.argv,
        "essential": !moves.outputs,
        "environment": pairs(env),
        "resourceRequirements": sizes.main.document(),
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-stream-prefix": name::job(task) } },
    });
    if moves.inputs {
        main["dependsOn"] = json!([{ "containerName": INPUT, "condition": "SUCCESS" }]);
    }
    if moves.any() {
        main["mountPoints"] = mounts.clone();
    }
    let sidecar = |name: &str, copy: [String; 2], essential: bool| {
        let mut variables =
            vec![("AWS_REGION".to_owned(), properties.region.clone()), ("AWS_DEFAULT_REGION".to_owned(), properties.region.clone())];
        variables.extend(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL_S3".to_owned(), endpoint.to_owned())));
        let [from, to] = copy;
        let words = ["s3", "cp", &from, &to, "--recursive", "--only-show-errors"].map(str::to_owned);
        json!({
            "name": name,
            "image": properties.sidecar_image,
            // Arguments, not lines of a shell: names of files may hold anything.
            "command": properties.sidecar_command.iter().cloned().chain(words).collect::<Vec<_>>(),
            "essential": essential,
            "environment": pairs(variables),
            "mountPoints": mounts,
            "resourceRequirements": sizes.sidecar.document(),
        })
    };
    let (folder, place) = (format!("{}/", bucket_path.unwrap_or_default()), format!("{working_dir}/"));
    let mut containers = Vec::new();
    if moves.inputs {
        containers.push(sidecar(INPUT, [folder.clone(), place.clone()], false));
    }
    containers.push(main);
    if moves.outputs {
        let mut output = sidecar(OUTPUT, [place, folder], true);
        output["dependsOn"] = json!([{ "containerName": MAIN, "condition": "SUCCESS" }]);
        if let Some(words) = output["command"].as_array_mut() {
            words.extend(["--exclude", &format!("*{MARK}")].map(Value::from));
        }
        containers.push(output);
    }
    let mut task_properties = json!({ "containers": containers });
    if moves.any() {
        task_properties["volumes"] = json!([{ "name": VOLUME }]);
    }
    if platform == Platform::Fargate {
        task_properties["networkConfiguration"] = json!({ "assignPublicIp": "ENABLED" });
    }
    for (name, role) in [("executionRoleArn", &properties.execution_role_arn), ("taskRoleArn", &properties.task_role_arn)] {
        if let Some(role) = role.as_ref().filter(|role| !role.trim().is_empty()) {
            task_properties[name] = role.as_str().into();
        }
    }
    let mut body = json!({
        "jobDefinitionName": name::definition(task),
        "type": "container",
        "platformCapabilities": [platform.capability()],
        "tags": name::tags(task),
        "ecsProperties": { "taskProperties": [task_properties] },
    });
    if let Some(attempts) = properties.max_spot_attempts.filter(|attempts| *attempts > 1) {
        let rules = json!([{ "onStatusReason": "Host EC2*", "action": "RETRY" }, { "onReason": "*", "action": "EXIT" }]);
        body["retryStrategy"] = json!({ "attempts": attempts, "evaluateOnExit": rules });
    }
    body
}

/// Whether Batch takes a definition of this size.
pub fn check_size(definition: &Value) -> Result<(), Error> {
    let size = definition.to_string().len();
    if size <= LARGEST {
        return Ok(());
    }
    Err(Error::user(
        "aws_batch::too_large",
        format!("command and variables make a job definition of {size} bytes; AWS Batch takes {LARGEST}"),
    )
    .with_help("put long scripts and values into `inputFiles`"))
}

/// The body that creates a queue for this task alone.
pub fn queue(request: &RunRequest<Properties>) -> Value {
    json!({
        "jobQueueName": name::definition(&request.task),
        "state": "ENABLED",
        "priority": 10,
        "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": request.properties.compute_environment_arn }],
        "tags": name::tags(&request.task),
    })
}

/// The body that submits the job.
pub fn submission(request: &RunRequest<Properties>, definition: &str, queue: &str) -> Value {
    // A part of a second counts as a whole one.
    let limit = request.properties.limit(request.timeout());
    let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
    json!({
        "jobName": name::job(&request.task),
        "jobDefinition": definition,
        "jobQueue": queue,
        "timeout": { "attemptDurationSeconds": seconds.max(LEAST) },
        "tags": name::tags(&request.task),
    })
}
