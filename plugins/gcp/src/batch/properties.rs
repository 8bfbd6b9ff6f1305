//! What a flow says below `taskRunner:`.

use std::time::Duration;

use switchyard_plugin_api::{IsoDuration, OneOrMany, Text, prelude::*};

use super::size;

/// Runs the task as a job on Google Batch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Google Cloud project. Default: that of the credentials.
    #[serde(default)]
    pub project_id: Option<String>,
    /// Region of the job, such as `europe-west9`.
    pub region: String,
    /// Key of the service account that the runner uses, as JSON text. Default: the application default credentials of the host.
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub service_account: Option<String>,
    /// Service account that the runner acts as.
    #[serde(default)]
    pub impersonated_service_account: Option<String>,
    /// OAuth scopes of the runner's token.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Service account that the machine runs as. Default: the default account of Compute Engine.
    #[serde(default)]
    pub runtime_service_account: Option<String>,
    /// Machine type.
    #[serde(default = "machine_type")]
    pub machine_type: String,
    /// What the command may use of the machine.
    #[serde(default)]
    pub compute_resource: ComputeResource,
    /// Reservation of machines that are ready to be used. Without it a machine is made for each job, which takes a minute or so.
    #[serde(default)]
    pub reservation: Option<String>,
    /// How the machine is paid for. Default: `STANDARD`.
    #[serde(default)]
    pub provisioning_model: Option<ProvisioningModel>,
    /// Where the machine may be, such as `zones/europe-west9-a`. Default: anywhere in the region.
    #[serde(default)]
    pub allowed_locations: Vec<String>,
    /// Accelerators of the machine, such as GPUs.
    #[serde(default)]
    pub accelerators: Vec<Accelerator>,
    /// Networks of the machine. Default: the network `default` of the project.
    #[serde(default)]
    pub network_interfaces: Vec<NetworkInterface>,
    /// Entrypoint of the container. Default: that of the image, which gets the command as its arguments.
    #[serde(default)]
    pub entry_point: Option<OneOrMany<Text>>,
    /// Bucket that files travel through. Without it a task has neither input nor output files.
    #[serde(default)]
    pub bucket: Option<String>,
    /// Folder of the container in which the folder with the task's files is mounted.
    #[serde(default = "mount_path")]
    pub mount_path: String,
    /// Start the command in `{{ workingDir }}` instead of the image's own directory, so that relative paths work.
    #[serde(default)]
    pub start_in_working_directory: bool,
    /// How often Batch starts a failed command again by itself.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub max_retry_count: u32,
    /// What Batch does after which exit codes. Default: start again after each, as often as `maxRetryCount` says.
    #[serde(default)]
    pub lifecycle_policies: Vec<LifecyclePolicy>,
    /// Longest time the job may take when the task has no `timeout`.
    #[serde(default = "hour")]
    #[schemars(extend("default" = "PT1H"))]
    pub wait_until_completion: IsoDuration,
    /// Longest time between two looks at the job.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub completion_check_interval: IsoDuration,
    /// How long late log lines are waited for at the end.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub wait_for_log_interval: IsoDuration,
    /// Remove the job and its files at the end, also after a failure.
    #[serde(default = "yes")]
    pub delete: bool,
    /// Find the job again after a restart of the host.
    #[serde(default = "yes")]
    pub resume: bool,
    /// Bring back every file of the working directory, not only the output files of the task.
    #[serde(default)]
    pub sync_working_directory: bool,
}

/// What the command may use of the machine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComputeResource {
    /// Thousandths of a processor, such as `2000`, or processors with a dot, such as `1.5`. Default: 2000.
    pub cpu: Option<Text>,
    /// Memory in mebibytes, such as `2048`, or with a unit, such as `2GiB`. Default: 2048.
    pub memory: Option<Text>,
    /// Size of the boot disk, in mebibytes or with a unit.
    pub boot_disk: Option<Text>,
}

/// How a machine is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProvisioningModel {
    /// The usual price; nobody takes the machine away.
    Standard,
    /// Cheap, and taken away when somebody else needs it; `maxRetryCount` starts the command again.
    Spot,
    /// The older form of `SPOT`.
    Preemptible,
}

/// Accelerators of one type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accelerator {
    /// Type, such as `nvidia-tesla-t4`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many.
    #[serde(default = "one")]
    pub count: u64,
    /// Let Batch install the drivers.
    #[serde(default)]
    pub install_gpu_drivers: bool,
}

/// A network of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkInterface {
    /// Network, such as `projects/PROJECT/global/networks/NETWORK`.
    pub network: String,
    /// Subnetwork, such as `projects/PROJECT/regions/REGION/subnetworks/SUBNETWORK`.
    #[serde(default)]
    pub subnetwork: Option<String>,
    /// Give the machine no address on the Internet.
    #[serde(default)]
    pub no_external_ip_address: bool,
}

/// What Batch does after some exit codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifecyclePolicy {
    /// What is done.
    pub action: LifecycleAction,
    /// When.
    pub action_condition: ActionCondition,
}

/// What is done with a command that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LifecycleAction {
    /// It is started again, as often as `maxRetryCount` says.
    RetryTask,
    /// The job fails at once.
    FailTask,
}

/// When something is done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionCondition {
    /// Exit codes. 50001 is a machine that was taken away.
    pub exit_codes: Vec<i32>,
}

fn scopes() -> Vec<String> {
    vec!["https://www.googleapis.com/auth/cloud-platform".to_owned()]
}

fn machine_type() -> String {
    "e2-medium".to_owned()
}

fn mount_path() -> String {
    "/".to_owned()
}

fn hour() -> IsoDuration {
    IsoDuration(Duration::from_secs(3600))
}

fn five_seconds() -> IsoDuration {
    IsoDuration(Duration::from_secs(5))
}

fn yes() -> bool {
    true
}

fn one() -> u64 {
    1
}

/// Most that Batch lets a job run.
const LONGEST: Duration = Duration::from_secs(14 * 24 * 3600);

impl Properties {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |wrong: bool, place: &str, message: &str, help: &str| {
            if wrong {
                problems.push(Problem::new(place, message).with_help(help));
            }
        };
        check(self.region.trim().is_empty(), "/region", "the region is empty", "write for example `region: europe-west9`");
        check(
            self.machine_type.trim().is_empty(),
            "/machineType",
            "the machine type is empty",
            "write for example `machineType: e2-medium`",
        );
        check(self.max_retry_count > 10, "/maxRetryCount", "Batch starts a command again 10 times at most", "write a number from 0 to 10");
        check(
            self.wait_until_completion.0 > LONGEST,
            "/waitUntilCompletion",
            "Batch lets a job run for 14 days at most",
            "write at most `P14D`",
        );
        check(
            self.completion_check_interval.0.is_zero(),
            "/completionCheckInterval",
            "an interval of nothing would ask without a pause",
            "write for example `PT5S`",
        );
        check(!self.mount_path.starts_with('/'), "/mountPath", "the mount path is not absolute", "let it begin with a slash");
        check(
            self.start_in_working_directory && self.bucket.is_none(),
            "/startInWorkingDirectory",
            "without a bucket there is no working directory to start in",
            "set `bucket`",
        );
        for (number, policy) in self.lifecycle_policies.iter().enumerate() {
            check(
                policy.action == LifecycleAction::RetryTask && self.max_retry_count == 0,
                &format!("/lifecyclePolicies/{number}/action"),
                "RETRY_TASK has no effect without `maxRetryCount`",
                "set `maxRetryCount` to at least 1",
            );
        }
        let ComputeResource { cpu, memory, boot_disk } = &self.compute_resource;
        let parsed = |value: &Option<Text>, parse: fn(&str) -> Result<u64, String>| value.as_ref().map(|value| parse(&value.0));
        for (name, value) in [
            ("cpu", parsed(cpu, size::milli_cpu)),
            ("memory", parsed(memory, size::mebibytes)),
            ("bootDisk", parsed(boot_disk, size::mebibytes)),
        ] {
            if let Some(Err(message)) = value {
                problems.push(Problem::new(format!("/computeResource/{name}"), message));
            }
        }
        problems
    }

    /// The job's time limit: the task's own wins unless it is zero.
    pub fn limit(&self, timeout: Option<Duration>) -> Duration {
        timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.wait_until_completion.0).min(LONGEST)
    }
}
