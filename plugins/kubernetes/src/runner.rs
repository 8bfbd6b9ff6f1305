//! The task runner as the host sees it.

use std::sync::Arc;

use serde_json::Value;
use switchyard_plugin_api::{Attached, CancelReason, FileStrategy, Health, Image, LogStreams, Placement, Preview, prelude::*};

use crate::{
    attach,
    cluster::Cluster,
    error::Failure,
    health,
    pod::{Blueprint, WORKING_DIR},
    properties::Properties,
    quota,
    run::Run,
};

/// Runs tasks as pods of a Kubernetes cluster.
#[derive(Debug, Default)]
pub struct Kubernetes;

impl TaskRunner for Kubernetes {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.kubernetes.runner.Kubernetes";

    fn describe(&self) -> Description {
        Description::new("Runs the task as a pod of a Kubernetes cluster.")
            .docs(concat!(include_str!("docs.md"), "```yaml\n", include_str!("../rbac.yaml"), "```\n"))
            .alias("io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner")
            .alias("io.kestra.plugin.ee.kubernetes.runner.Kubernetes")
            .alias("io.kestra.plugin.ee.kubernetes.runner.KubernetesTaskRunner")
            .icon(include_str!("icon.svg"))
            .example("A shell command in a pod", include_str!("../examples/shell.yaml"))
            .example("Files in and out, resources, another cluster", include_str!("../examples/files.yaml"))
            .example("A pod's own fields, a private image, a volume on disk", include_str!("../examples/overlay.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Remote,
            image: Image::Required,
            reattach: true,
            graceful_stop: true,
            limits: true,
            preview: true,
            file_strategies: vec![FileStrategy::Copied],
            log_streams: LogStreams::Merged,
        }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        let mut problems = Vec::new();
        // A value with an expression is checked when it has been rendered.
        let literal = |text: &&str| !text.contains("{{");
        if let Some(namespace) = properties.namespace.as_deref().filter(literal)
            && !is_name(namespace)
        {
            let message = format!("namespace {namespace:?} is not a name of Kubernetes: lower-case letters, digits and dashes");
            problems.push(Problem::new("/namespace", message));
        }
        for (name, resources) in properties.resources.iter().flat_map(|r| [("request", &r.request), ("limit", &r.limit)]) {
            for (resource, quantity) in resources.iter().flatten().filter(|(_, q)| literal(&q.0.as_str())) {
                if quota::quantity(&quantity.0).is_none() {
                    let message = format!("resources.{name}.{resource} is {:?}, not a quantity", quantity.0);
                    problems.push(
                        Problem::new(format!("/resources/{name}/{resource}"), message).with_help("write for example 500m, 2 or 256Mi"),
                    );
                }
            }
        }
        // Before its `output` is taken for an expression over this execution.
        if properties.config.as_ref().is_some_and(|c| c.oauth_token_provider.is_some()) {
            problems.push(
                Problem::new("/config/oauthTokenProvider", "a runner cannot run another task to get its token")
                    .with_help("use exec or tokenFile, or an earlier task's token as oauthToken: \"{{ outputs.login.token }}\""),
            );
        }
        if let Some(volume) = &properties.file_volume
            && volume.claim_name.is_some()
            && volume.volume_claim_template.is_some()
        {
            problems.push(
                Problem::new("/fileVolume", "fileVolume has both a claimName and a volumeClaimTemplate").with_help("keep one of them"),
            );
        }
        problems
    }

    fn paths(&self, _: &Properties, files: &Files) -> Paths {
        let output_dir = files.output_dir.as_ref().map(|name| format!("{WORKING_DIR}/{name}"));
        Paths { working_dir: WORKING_DIR.to_owned(), output_dir, bucket_path: None }
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        let blueprint = Blueprint::new(&request)?;
        Ok(Preview { kind: "pod".to_owned(), document: blueprint.pod, notes: blueprint.notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        // Before anything is asked of a cluster: wrong requests fail the same way on every machine.
        let blueprint = Blueprint::new(&request)?;
        let cluster = tokio::select! {
            cluster = Cluster::find(request.properties.config.as_ref()) => cluster?,
            _ = context.cancelled() => return ended_before_start(&context),
        };
        let run = Run { cluster, request, context };
        match run.finish(&blueprint).await {
            Err(Failure::Cancelled) => ended_before_start(&run.context),
            result => Ok(result?),
        }
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let cluster: Arc<Cluster> = Cluster::find(request.properties.config.as_ref()).await?;
        Ok(attach::attach(cluster, request, checkpoint, context).await?)
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        Ok(health::health(&properties).await)
    }
}

/// Nothing runs yet: a host that only goes for a while submits again.
fn ended_before_start(context: &Context) -> Result<Outcome, Error> {
    match context.cancellation() {
        Some(cancellation) if cancellation.reason == CancelReason::Detach => Ok(Outcome::detached()),
        _ => Err(Error::cancelled()),
    }
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
