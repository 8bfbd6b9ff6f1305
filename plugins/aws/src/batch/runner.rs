//! The task runner as the host sees it.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_cloud_api::follow::not_begun;
use switchyard_plugin_api::{Attached, FileStrategy, Image, LogStreams, Placement, prelude::*};
use tokio::time::timeout;

use super::{
    document::{self, Moves},
    files::Folder,
    health, name,
    platform::Platform,
    properties::{Config, Properties},
    run::Run,
    size::Sizes,
};
use crate::api::Client;

/// How long a preview waits to be told the kind of the compute environment.
const PATIENCE: Duration = Duration::from_secs(4);

/// Runs tasks as AWS Batch jobs.
#[derive(Debug, Default)]
pub struct AwsBatch;

impl TaskRunner for AwsBatch {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.aws.runner.Batch";

    fn describe(&self) -> Description {
        Description::new("Runs the task as a job on AWS Batch: ECS Fargate or EC2.")
            .docs(include_str!("docs.md"))
            .alias("io.kestra.plugin.aws.runner.AwsBatchTaskRunner")
            .alias("io.kestra.plugin.aws.runner.AwsBatchScriptRunner")
            .alias("io.kestra.plugin.ee.aws.runner.Batch")
            .alias("io.kestra.plugin.ee.aws.runner.AwsBatchTaskRunner")
            .icon(include_str!("icon.svg"))
            .example("A shell command on Fargate", include_str!("../../examples/batch.yaml"))
            .example("Files through a bucket", include_str!("../../examples/batch_files.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Remote,
            image: Image::Required,
            reattach: true,
            graceful_stop: true,
            limits: true,
            preview: true,
            file_strategies: vec![FileStrategy::Bucket],
            log_streams: LogStreams::Merged,
        }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        properties.problems()
    }

    fn paths(&self, properties: &Properties, files: &Files) -> Paths {
        document::paths(properties, files)
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        document::check(&request)?;
        let properties = &request.properties;
        let mut moves = Moves::of(&request);
        let mut notes = Vec::new();
        if properties.bucket().is_some() && !request.files.working_dir.exists() {
            moves.inputs = true;
            notes.push("shown is a task with input files; without any there is no container for them".to_owned());
        }
        let config = Config::of(&request.config);
        let name = &properties.compute_environment_arn;
        let asked =
            async { Client::of(properties, &config)?.environment(name).await.map(|environment| Platform::of(environment.as_ref(), name)) };
        let platform = match timeout(PATIENCE, asked).await {
            Ok(Ok(platform)) => platform?,
            Ok(Err(_)) | Err(_) => {
                notes.push("the compute environment could not be asked for its kind; shown is what Fargate would get".to_owned());
                Platform::Fargate
            }
        };
        document::check_platform(properties, platform, moves)?;
        let sizes = Sizes::of(properties, platform, usize::from(moves.inputs) + usize::from(moves.outputs))?;
        notes.extend(sizes.notes.iter().cloned());
        if properties.bucket().is_none() {
            notes.push("without `bucket` no files travel".to_owned());
        }
        let endpoint = properties.endpoint_override.clone().or(config.s3_endpoint);
        let definition = document::definition(&request, platform, moves, &sizes, endpoint.as_deref());
        document::check_size(&definition)?;
        let mut requests = vec![json!({ "operation": "RegisterJobDefinition", "body": definition })];
        let own = name::definition(&request.task);
        if properties.job_queue_arn.is_none() {
            requests.push(json!({ "operation": "CreateJobQueue", "body": document::queue(&request) }));
        }
        let queue = properties.job_queue_arn.as_deref().unwrap_or(&own);
        requests.push(json!({ "operation": "SubmitJob", "body": document::submission(&request, &own, queue) }));
        Ok(Preview { kind: "job".to_owned(), document: json!({ "requests": requests }), notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        document::check(&request)?;
        if let Some(end) = not_begun(&context) {
            return end;
        }
        if request.properties.bucket().is_none() {
            Folder::missing(&request.files, &context);
        }
        let client = Client::of(&request.properties, &Config::of(&request.config))?;
        Run { client, request, context }.finish().await
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let client = Client::of(&request.properties, &Config::of(&request.config))?;
        Run { client, request, context }.attach(checkpoint).await
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        Ok(health::health(&properties).await)
    }
}
