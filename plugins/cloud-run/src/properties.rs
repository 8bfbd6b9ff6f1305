//! What a flow says below `taskRunner:`.

use std::time::Duration;

use switchyard_plugin_api::{IsoDuration, prelude::*};

/// Runs the task as a job on Google Cloud Run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Google Cloud project. Default: that of the credentials.
    #[serde(default)]
    pub project_id: Option<String>,
    /// Region of the job, such as `europe-west1`.
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
    /// Service account that the container runs as. Default: that of `serviceAccount`, else the project's own.
    #[serde(default)]
    pub runtime_service_account: Option<String>,
    /// Bucket that files travel through. Without it a task has neither input nor output files.
    #[serde(default)]
    pub bucket: Option<String>,
    /// Longest time the job may take when the task has no `timeout`.
    #[serde(default = "hour")]
    #[schemars(extend("default" = "PT1H"))]
    pub wait_until_completion: IsoDuration,
    /// Time between two looks at the job.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub completion_check_interval: IsoDuration,
    /// How long late log lines are waited for at the end.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub wait_for_log_interval: IsoDuration,
    /// Remove the job and its files at the end.
    #[serde(default = "yes")]
    pub delete: bool,
    /// Find the job again after a restart of the host.
    #[serde(default = "yes")]
    pub resume: bool,
    /// Limits of the container.
    #[serde(default)]
    pub resources: Resources,
    /// How often Cloud Run starts a failed command again by itself.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub max_retries: u32,
    /// Serverless VPC connector; needs `vpcEgress` beside it.
    #[serde(default)]
    pub vpc_access_connector: Option<String>,
    /// Which traffic goes through the VPC.
    #[serde(default)]
    pub vpc_egress: Option<Egress>,
    /// Network for direct VPC egress, as a full resource path.
    #[serde(default)]
    pub network: Option<String>,
    /// Subnetwork for direct VPC egress, as a full resource path.
    #[serde(default)]
    pub subnetwork: Option<String>,
    /// More buckets that are mounted.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Where the bucket is mounted in the container.
    #[serde(default = "mount_path")]
    pub mount_path: String,
    /// Bring back every file of the working directory, not only the output files of the task.
    #[serde(default)]
    pub sync_working_directory: bool,
}

/// Limits of the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// Processors: `1`, `2`, `4`, `8`, or thousandths such as `500m`.
    pub cpu: Option<String>,
    /// Memory, such as `512Mi` or `2Gi`.
    pub memory: Option<String>,
}

/// Which traffic goes through the VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Egress {
    /// Only traffic to private addresses.
    PrivateRangesOnly,
    /// All traffic.
    AllTraffic,
}

/// A bucket that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// Its name.
    pub bucket: String,
    /// Where the command sees it.
    pub mount_path: String,
    /// Whether the command may only read it.
    #[serde(default)]
    pub read_only: bool,
}

fn scopes() -> Vec<String> {
    vec!["https://www.googleapis.com/auth/cloud-platform".to_owned()]
}

fn hour() -> IsoDuration {
    IsoDuration(Duration::from_secs(3600))
}

fn five_seconds() -> IsoDuration {
    IsoDuration(Duration::from_secs(5))
}

fn mount_path() -> String {
    "/mnt/disks/share".to_owned()
}

fn yes() -> bool {
    true
}

/// Most that Cloud Run lets a task take.
const LONGEST: Duration = Duration::from_secs(168 * 3600);

impl Properties {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.region.trim().is_empty() {
            problems.push(Problem::new("/region", "the region is empty").with_help("write for example `region: europe-west1`"));
        }
        match (&self.vpc_access_connector, self.vpc_egress) {
            (Some(_), None) => {
                problems.push(
                    Problem::new("/vpcAccessConnector", "a VPC connector needs `vpcEgress` beside it")
                        .with_help("write `vpcEgress: PRIVATE_RANGES_ONLY` or `ALL_TRAFFIC`"),
                );
            }
            (None, Some(_)) if self.network.is_none() && self.subnetwork.is_none() => {
                problems.push(Problem::new("/vpcEgress", "`vpcEgress` has no effect without a connector or a network"));
            }
            _ => {}
        }
        if self.vpc_access_connector.is_some() && (self.network.is_some() || self.subnetwork.is_some()) {
            problems.push(
                Problem::new("/network", "direct VPC egress and a VPC connector exclude each other").with_help("remove one of the two"),
            );
        }
        if self.max_retries > 10 {
            problems
                .push(Problem::new("/maxRetries", format!("maxRetries is {}, more than the 10 that Cloud Run allows", self.max_retries)));
        }
        if self.wait_until_completion.0 > LONGEST {
            problems.push(Problem::new("/waitUntilCompletion", "Cloud Run lets a job run for 168 hours at most"));
        }
        if self.completion_check_interval.0.is_zero() {
            problems.push(Problem::new("/completionCheckInterval", "an interval of nothing would ask without a pause"));
        }
        if !self.mount_path.starts_with('/') {
            problems.push(Problem::new("/mountPath", format!("the mount path {:?} is not absolute", self.mount_path)));
        }
        for (number, volume) in self.volumes.iter().enumerate().filter(|(_, volume)| !volume.mount_path.starts_with('/')) {
            let message = format!("the mount path {:?} is not absolute", volume.mount_path);
            problems.push(Problem::new(format!("/volumes/{number}/mountPath"), message));
        }
        problems
    }

    /// The job's time limit: the task's own wins unless it is zero.
    pub fn limit(&self, timeout: Option<Duration>) -> Duration {
        timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.wait_until_completion.0).min(LONGEST)
    }
}
