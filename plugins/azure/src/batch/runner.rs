//! The task runner as the host sees it.

use serde_json::{Value, json};
use switchyard_cloud_api::{follow::not_begun, name};
use switchyard_plugin_api::{Attached, FileStrategy, Image, LogStreams, Placement, prelude::*};

use super::{
    api::{Client, VERSION},
    blob::Blobs,
    health,
    properties::Properties,
    run::{self, Run},
    task::{self, Freight, SIGNATURE},
};

/// Runs tasks in a pool of Azure Batch.
#[derive(Debug, Default)]
pub struct AzureBatch;

impl TaskRunner for AzureBatch {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.azure.runner.Batch";

    fn describe(&self) -> Description {
        Description::new("Runs the task in a pool of Azure Batch.")
            .docs(include_str!("docs.md"))
            .alias("io.kestra.plugin.azure.runner.AzureBatchTaskRunner")
            .alias("io.kestra.plugin.ee.azure.runner.Batch")
            .alias("io.kestra.plugin.ee.azure.runner.AzureBatchTaskRunner")
            .alias("io.kestra.plugin.azure.ee.runner.Batch")
            .icon(include_str!("icon.svg"))
            .example("A shell command in a container", include_str!("../../examples/batch.yaml"))
            .example("Files through Azure Storage", include_str!("../../examples/batch_files.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Remote,
            image: Image::Required,
            reattach: true,
            graceful_stop: false,
            limits: false,
            preview: true,
            file_strategies: vec![FileStrategy::Bucket],
            log_streams: LogStreams::Separate,
        }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        properties.problems()
    }

    fn paths(&self, properties: &Properties, files: &Files) -> Paths {
        task::paths(properties, files)
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        let RunRequest { properties, files, .. } = &request;
        let freight = Freight::of(&request)?;
        let http = switchyard_cloud_api::http::client().ok();
        let blobs = properties.storage().zip(http).map(|(storage, http)| Blobs::new(http, storage)).transpose()?;
        let address = |blob: &str| blobs.as_ref().map(|blobs| blobs.address(blob)).unwrap_or_default();
        let job = task::job_id(&request.task, 0);
        // Who sees a preview must not get an address that works.
        let readable = |blob: &str| format!("{}?{SIGNATURE}", address(blob));
        let task = task::task(&request, &job, &freight, readable, || format!("{}?{SIGNATURE}", address("").trim_end_matches('/')))?;
        let endpoint = properties.endpoint.trim_end_matches('/');
        let folder = name::folder(files);
        let mut document = json!({ "requests": [
            { "request": format!("POST {endpoint}/jobs?api-version={VERSION}"), "body": task::job(&request, &job) },
            { "request": format!("POST {endpoint}/jobs/{job}/addtaskcollection?api-version={VERSION}"), "body": { "value": [task] } },
        ] });
        let mut notes = Vec::new();
        if !files.working_dir.exists() {
            notes.push("input files are known when the task runs".to_owned());
        }
        if properties.storage().is_some() {
            document["uploads"] = freight.inputs.iter().map(|name| address(&format!("{folder}/{name}"))).collect();
        } else {
            notes.push("without `blobStorage` no files travel".to_owned());
        }
        Ok(Preview { kind: "job".to_owned(), document, notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        run::check(&request, &context)?;
        if let Some(end) = not_begun(&context) {
            return end;
        }
        let client = Client::new(&request.properties)?;
        Run::new(client, request, context)?.finish().await
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let client = Client::new(&request.properties)?;
        Run::new(client, request, context)?.attach(checkpoint).await
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        Ok(health::health(&properties).await)
    }
}
