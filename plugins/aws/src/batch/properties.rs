//! What a flow says below `taskRunner:`, and what the administrator configures.

use std::time::Duration;

use switchyard_plugin_api::{IsoDuration, Text, prelude::*};

/// Runs the task as a job on AWS Batch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Region of Batch, the bucket and the log, such as `eu-central-1`.
    pub region: String,
    /// Another endpoint for Batch, S3, CloudWatch Logs and STS, such as an emulator's.
    #[serde(default)]
    pub endpoint_override: Option<String>,
    /// Accepted for flows that set it for other components; it has no effect here.
    #[serde(default)]
    pub compatibility_mode: Option<bool>,
    /// Name the bucket in the path of S3's address instead of in front of it. With `endpointOverride` it always is.
    #[serde(default)]
    pub force_path_style: Option<bool>,
    /// Access key. Default: the credentials of the host, in the order of AWS's own tools.
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub access_key_id: Option<String>,
    /// Secret key that belongs to the access key.
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub secret_key_id: Option<String>,
    /// Token of temporary credentials.
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub session_token: Option<String>,
    /// Role that the runner takes on. The access key, or else the credentials of the host, ask for it.
    #[serde(default)]
    pub sts_role_arn: Option<String>,
    /// External id that the role asks for.
    #[serde(default)]
    pub sts_role_external_id: Option<String>,
    /// Name of the session in the role. Default: another one each time.
    #[serde(default)]
    pub sts_role_session_name: Option<String>,
    /// How long the role is granted at a time; it is renewed while a job runs. At least 15 minutes, which is the default.
    #[serde(default)]
    pub sts_role_session_duration: Option<IsoDuration>,
    /// Another endpoint of STS.
    #[serde(default)]
    pub sts_endpoint_override: Option<String>,
    /// Compute environment, by ARN or name: Fargate, or EC2 with ECS. It is not created.
    pub compute_environment_arn: String,
    /// Job queue, by ARN or name. Without it each task makes a queue of its own and removes it, which takes a while.
    #[serde(default)]
    pub job_queue_arn: Option<String>,
    /// Bucket that files travel through. Without it a task has neither input nor output files.
    #[serde(default)]
    pub bucket: Option<String>,
    /// Old name of `bucket`.
    #[serde(default)]
    pub s3_bucket: Option<String>,
    /// Role that pulls the image and writes the log; Fargate needs it.
    #[serde(default)]
    pub execution_role_arn: Option<String>,
    /// Role of the containers. With files it has to reach the bucket.
    #[serde(default)]
    pub task_role_arn: Option<String>,
    /// What the whole job gets: the command has what the containers for its files leave.
    #[serde(default)]
    pub resources: Resources,
    /// What each of the containers for files gets. Default: 0.25 vCPU and 512 MiB on Fargate, 1 vCPU and 128 MiB on EC2.
    #[serde(default)]
    pub sidecar_resources: Resources,
    /// Image of the containers for files: the AWS CLI.
    #[serde(default = "sidecar_image")]
    pub sidecar_image: String,
    /// Words before `s3 cp …`, for a `sidecarImage` whose entrypoint is not the AWS CLI: `[aws]`.
    #[serde(default)]
    pub sidecar_command: Vec<String>,
    /// Folder of the containers in which the working directory is made.
    #[serde(default = "mount_path")]
    pub mount_path: String,
    /// Longest time the job may take, waiting included, when the task has no `timeout`.
    #[serde(default = "hour")]
    #[schemars(extend("default" = "PT1H"))]
    pub wait_until_completion: IsoDuration,
    /// Longest time between two looks at the job; the first ones follow faster.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub completion_check_interval: IsoDuration,
    /// How long late log lines are waited for at the end.
    #[serde(default = "three_seconds")]
    #[schemars(extend("default" = "PT3S"))]
    pub wait_for_log_interval: IsoDuration,
    /// Read the log while the job runs; otherwise once, at the end.
    #[serde(default = "yes")]
    pub stream_logs: bool,
    /// Remove the job definition, the files in the bucket, and a queue that was made, at the end.
    #[serde(default = "yes")]
    pub delete: bool,
    /// Find the job again after a restart of the host.
    #[serde(default = "yes")]
    pub resume: bool,
    /// How often the job may begin in all, when its machine was taken away (Spot). A command that fails is not started again.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10))]
    pub max_spot_attempts: Option<u32>,
    /// Only for environments on EKS, which are not supported; accepted so that the message can say so.
    #[serde(default)]
    pub service_account_name: Option<String>,
    /// Bring back every file of the working directory, not only the output files of the task.
    #[serde(default)]
    pub sync_working_directory: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// Processors and memory.
    pub request: Request,
}

/// Processors and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Request {
    /// vCPUs: `"1"`, on Fargate also `"0.25"` and `"0.5"`. Default: 1; on EC2 as many as each container having one needs.
    pub cpu: Option<Text>,
    /// Memory in MiB, a bare number. Default: 2048.
    pub memory: Option<Text>,
}

fn sidecar_image() -> String {
    "public.ecr.aws/aws-cli/aws-cli:latest".to_owned()
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

fn three_seconds() -> IsoDuration {
    IsoDuration(Duration::from_secs(3))
}

fn yes() -> bool {
    true
}

/// Whether the host of an address is link-local: there the machine's own credentials are given out.
fn link_local(address: &str) -> bool {
    let host =
        address.split("://").last().unwrap_or_default().split(['/', '?']).next().unwrap_or_default().trim_start_matches('[').to_lowercase();
    host.starts_with("169.254.") || host.starts_with("fe80:") || host.starts_with("fd00:ec2:")
}

impl Properties {
    /// The bucket, by either name.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref().or(self.s3_bucket.as_deref()).filter(|bucket| !bucket.is_empty())
    }

    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |place: &str, message: String, help: &str| problems.push(Problem::new(place, message).with_help(help));
        if self.region.trim().is_empty() {
            wrong("/region", "the region is empty".into(), "write for example `region: eu-central-1`");
        }
        if self.compute_environment_arn.trim().is_empty() {
            wrong("/computeEnvironmentArn", "no compute environment is named".into(), "write its ARN or its name; it has to exist");
        }
        for (place, arn) in [("/computeEnvironmentArn", Some(&self.compute_environment_arn)), ("/jobQueueArn", self.job_queue_arn.as_ref())]
        {
            let region = arn.filter(|arn| arn.starts_with("arn:")).and_then(|arn| arn.split(':').nth(3));
            if let Some(region) = region.filter(|region| !region.is_empty() && !region.contains('{') && *region != self.region.trim()) {
                wrong(place, format!("it is in the region {region}, the runner in {}", self.region), "let both be in one region");
            }
        }
        if let (Some(one), Some(other)) = (&self.bucket, &self.s3_bucket) {
            if one != other {
                wrong("/s3Bucket", "`bucket` and `s3Bucket` name different buckets".into(), "remove `s3Bucket`, the old name");
            }
        }
        for (one, other, place) in
            [(&self.access_key_id, &self.secret_key_id, "/secretKeyId"), (&self.secret_key_id, &self.access_key_id, "/accessKeyId")]
        {
            if one.is_some() && other.is_none() {
                wrong(place, "`accessKeyId` and `secretKeyId` belong together".into(), "give both or none");
            }
        }
        if self.session_token.is_some() && self.access_key_id.is_none() {
            wrong("/sessionToken", "a session token without its keys has no effect".into(), "give `accessKeyId` and `secretKeyId` as well");
        }
        if let Some(duration) = self.sts_role_session_duration.filter(|duration| !(900..=43_200).contains(&duration.0.as_secs())) {
            wrong(
                "/stsRoleSessionDuration",
                format!("{} s is not between 15 minutes and 12 hours", duration.0.as_secs()),
                "write for example PT1H",
            );
        }
        for (place, address) in [("/endpointOverride", &self.endpoint_override), ("/stsEndpointOverride", &self.sts_endpoint_override)] {
            let Some(address) = address.as_deref().filter(|address| !address.contains('{')) else { continue };
            if link_local(address) {
                wrong(place, format!("{address} is a link-local address"), "name the service, not the machine's metadata");
            } else if !address.starts_with("http://") && !address.starts_with("https://") {
                wrong(place, format!("{address:?} is no address"), "begin it with https://");
            }
        }
        if self.completion_check_interval.0.is_zero() {
            wrong("/completionCheckInterval", "an interval of nothing would ask without a pause".into(), "write for example PT5S");
        }
        if !self.mount_path.starts_with('/') {
            wrong("/mountPath", format!("the path {:?} is not absolute", self.mount_path), "begin it with a slash");
        }
        if self.max_spot_attempts.is_some_and(|attempts| !(1..=10).contains(&attempts)) {
            wrong("/maxSpotAttempts", "Batch allows 1 to 10 attempts".into(), "write a number from 1 to 10");
        }
        for (place, resources) in [("/resources", &self.resources), ("/sidecarResources", &self.sidecar_resources)] {
            for (name, value) in [("cpu", &resources.request.cpu), ("memory", &resources.request.memory)] {
                let Some(Text(text)) = value.as_ref().filter(|text| !text.0.contains('{')) else { continue };
                if super::size::number(name, text).is_none() {
                    let help = if name == "cpu" {
                        "write vCPUs, such as \"1\" or \"0.5\""
                    } else {
                        "write MiB as a bare number, such as \"2048\""
                    };
                    wrong(&format!("{place}/request/{name}"), format!("{text:?} is no amount"), help);
                }
            }
        }
        problems
    }

    /// The job's time limit: the task's own wins unless it is zero.
    pub fn limit(&self, timeout: Option<Duration>) -> Duration {
        timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.wait_until_completion.0)
    }
}

/// What the administrator configures for this runner: other addresses of the services, for emulators and private endpoints.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    pub batch_endpoint: Option<String>,
    pub logs_endpoint: Option<String>,
    pub s3_endpoint: Option<String>,
    pub sts_endpoint: Option<String>,
}

impl Config {
    /// What is configured, and what the environment of the host says instead of the rest. What is not understood is as good as nothing.
    pub fn of(value: &serde_json::Value) -> Self {
        let own: Self = serde_json::from_value(value.clone()).unwrap_or_default();
        let other = Self::of_environment();
        Self {
            batch_endpoint: own.batch_endpoint.or(other.batch_endpoint),
            logs_endpoint: own.logs_endpoint.or(other.logs_endpoint),
            s3_endpoint: own.s3_endpoint.or(other.s3_endpoint),
            sts_endpoint: own.sts_endpoint.or(other.sts_endpoint),
        }
    }

    /// The variables of AWS's own tools, for those methods that are not told the configuration.
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let all = variable("AWS_ENDPOINT_URL");
        let service = |name: &str| variable(&format!("AWS_ENDPOINT_URL_{name}")).or_else(|| all.clone());
        Self {
            batch_endpoint: service("BATCH"),
            logs_endpoint: service("CLOUDWATCH_LOGS"),
            s3_endpoint: service("S3"),
            sts_endpoint: service("STS"),
        }
    }
}
