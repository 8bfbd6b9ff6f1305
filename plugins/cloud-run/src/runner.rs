//! The task runner as the host sees it.

use serde_json::Value;
use switchyard_cloud_api::follow::not_begun;
use switchyard_plugin_api::{Attached, FileStrategy, Image, LogStreams, Placement, prelude::*};

use crate::{
    api::{self, Client},
    job,
    properties::Properties,
    run::Run,
};

/// Runs tasks as Cloud Run jobs.
#[derive(Debug, Default)]
pub struct CloudRun;

impl TaskRunner for CloudRun {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.gcp.runner.CloudRun";

    fn describe(&self) -> Description {
        Description::new("Runs the task as a job on Google Cloud Run.")
            .docs(include_str!("docs.md"))
            .alias("io.kestra.plugin.gcp.runner.GcpCloudRunTaskRunner")
            .alias("io.kestra.plugin.ee.gcp.runner.CloudRun")
            .alias("io.kestra.plugin.ee.gcp.runner.GcpCloudRunTaskRunner")
            .icon(include_str!("icon.svg"))
            .example("A shell command in a container", include_str!("../examples/shell.yaml"))
            .example("Files through a bucket", include_str!("../examples/files.yaml"))
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
            log_streams: LogStreams::Separate,
        }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        properties.problems()
    }

    fn paths(&self, properties: &Properties, files: &Files) -> Paths {
        job::paths(properties, files)
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        let document = job::document(&request, request.properties.runtime_service_account.as_deref())?;
        let mut notes = Vec::new();
        if request.properties.bucket.is_none() {
            notes.push("without `bucket` no files travel".to_owned());
        }
        Ok(Preview { kind: "job".to_owned(), document, notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        Run::check(&request, &context)?;
        if let Some(end) = not_begun(&context) {
            return end;
        }
        let client = Client::new(&request.properties, &api::endpoints(&request.config)).await?.during(&context);
        Run::new(client, request, context).finish().await
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let client = Client::new(&request.properties, &api::endpoints(&request.config)).await?.during(&context);
        Run::new(client, request, context).attach(checkpoint).await
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        let asked = async {
            let client = Client::new(&properties, &api::endpoints(&Value::Null)).await?;
            client.ask().await?;
            match &properties.bucket {
                Some(bucket) => client.google.bucket_exists(bucket).await,
                None => Ok(()),
            }
        };
        Ok(match asked.await {
            Ok(()) => Health { ok: true, message: format!("Cloud Run answers in {}", properties.region), ..Health::default() },
            Err(error) => Health { ok: false, message: error.to_string(), ..Health::default() },
        })
    }
}
