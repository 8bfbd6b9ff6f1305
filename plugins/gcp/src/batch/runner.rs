//! The task runner as the host sees it.

use serde_json::{Value, json};
use switchyard_cloud_api::{follow::not_begun, local, name};
use switchyard_plugin_api::{Attached, FileStrategy, Image, LogStreams, Placement, prelude::*};

use super::{
    api::{self, BATCH, Client},
    health, job,
    properties::Properties,
    run::{self, Run},
};

/// Runs tasks as jobs on Google Batch.
#[derive(Debug, Default)]
pub struct GoogleBatch;

impl TaskRunner for GoogleBatch {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.gcp.runner.Batch";

    fn describe(&self) -> Description {
        Description::new("Runs the task as a job on Google Batch.")
            .docs(include_str!("docs.md"))
            .alias("io.kestra.plugin.gcp.runner.GcpBatchTaskRunner")
            .alias("io.kestra.plugin.ee.gcp.runner.Batch")
            .alias("io.kestra.plugin.ee.gcp.runner.GcpBatchTaskRunner")
            .icon(include_str!("icon.svg"))
            .example("A shell command in a container", include_str!("../../examples/batch.yaml"))
            .example("Files through a bucket, on a spot machine", include_str!("../../examples/batch_files.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Remote,
            image: Image::Required,
            reattach: true,
            graceful_stop: false,
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
        let RunRequest { properties, files, .. } = &request;
        let endpoint = api::endpoints(&request.config).endpoint.unwrap_or_else(|| BATCH.to_owned());
        let project = properties.project_id.as_deref().unwrap_or("{project of the credentials}");
        let mut document = json!({
            "request": Client::shown(endpoint.trim_end_matches('/'), project, &properties.region, &name::job(&request.task, 0)),
            "body": job::document(&request)?,
        });
        let mut notes = Vec::new();
        if let Some(bucket) = properties.bucket.as_ref().filter(|_| job::moves_files(&request)) {
            let folder = name::folder(files);
            let names = local::list(&files.working_dir, "google::file").map(|found| found.files).unwrap_or_default();
            document["uploads"] = names.iter().map(|name| format!("gs://{bucket}/{folder}/{}", name.display())).collect();
            if !properties.start_in_working_directory {
                notes.push("the command starts in the image's own directory: its files are in `{{ workingDir }}`".to_owned());
            }
        }
        if !files.working_dir.exists() {
            notes.push("input files are known when the task runs".to_owned());
        }
        if properties.bucket.is_none() {
            notes.push("without `bucket` no files travel".to_owned());
        }
        Ok(Preview { kind: "job".to_owned(), document, notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        run::check(&request, &context)?;
        if let Some(end) = not_begun(&context) {
            return end;
        }
        let client = Client::new(&request.properties, &api::endpoints(&request.config)).await?;
        Run::new(client, request, context).finish().await
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let client = Client::new(&request.properties, &api::endpoints(&request.config)).await?;
        Run::new(client, request, context).attach(checkpoint).await
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        Ok(health::health(&properties).await)
    }
}
