//! The task runner as the host sees it.

use std::time::Duration;

use serde_json::Value;
use switchyard_plugin_api::{Attached, CancelReason, FileStrategy, Health, Image, LogStreams, Placement, Preview, prelude::*};
use tokio::time::timeout;

use crate::{
    attach, bind,
    container::{self, Blueprint},
    engine::{Endpoint, Engine},
    error::Failure,
    files,
    port::Port,
    properties::{ClientConfig, Properties},
    reference::Reference,
    run::Run,
};

/// Runs tasks in containers on a Docker-compatible engine.
#[derive(Debug, Default)]
pub struct Docker;

/// Smallest hard limit that engines accept.
const LEAST_MEMORY: u64 = 6 << 20;

impl TaskRunner for Docker {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.scripts.runner.docker.Docker";

    fn describe(&self) -> Description {
        Description::new("Runs the task in a container on a Docker-compatible engine.")
            .docs(include_str!("docs.md"))
            .alias("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner")
            .alias("io.kestra.core.models.script.types.DockerTaskRunner")
            .icon(include_str!("icon.svg"))
            .runnable_example("A shell command in a container", include_str!("../examples/shell.yaml"))
            .example("Limits, and files that are mounted", include_str!("../examples/limits.yaml"))
            .example("An image of a private registry", include_str!("../examples/registry.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Container,
            image: Image::Required,
            reattach: true,
            graceful_stop: true,
            limits: true,
            preview: true,
            file_strategies: vec![FileStrategy::Copied, FileStrategy::Shared],
            log_streams: LogStreams::Separate,
        }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |result: Result<(), Failure>, property: &str| {
            if let Err(failure) = result {
                let error = Error::from(failure);
                let problem = Problem::new(error.property.unwrap_or_else(|| property.to_owned()), error.message);
                problems.push(match error.help {
                    Some(help) => problem.with_help(help),
                    None => problem,
                });
            }
        };
        // A value with an expression is checked when it has been rendered.
        let literal = |text: &&String| !text.contains("{{");
        if let Some(host) = properties.host.as_ref().filter(literal) {
            check(Endpoint::parse(host).map(drop), "/host");
        }
        if let Some(image) = properties.image.as_ref().filter(literal) {
            check(Reference::parse(image).map(drop), "/image");
        }
        if let Some(config) = &properties.config
            && !matches!(config, ClientConfig::Text(text) if text.contains("{{"))
        {
            check(crate::auth::ClientFile::of_property(config).map(drop), "/config");
        }
        for (index, entry) in properties.volumes.iter().flatten().enumerate().filter(|(_, e)| literal(e)) {
            check(bind::check(entry, index), "/volumes");
        }
        for (index, entry) in properties.port_bindings.iter().flatten().enumerate().filter(|(_, e)| literal(e)) {
            check(Port::parse(entry, index).map(drop), "/portBindings");
        }
        let memory = properties.memory.clone().unwrap_or_default();
        if let Some(limit) = memory.memory.filter(|limit| limit.0 < LEAST_MEMORY) {
            let message = format!("memory.memory is {} bytes, less than the 6 MB that engines ask for", limit.0);
            problems.push(Problem::new("/memory/memory", message).with_help("write for example 512MB"));
        }
        if let (Some(limit), Some(crate::scalar::SwapSize::Limited(swap))) = (memory.memory, memory.memory_swap)
            && swap.0 < limit.0
        {
            let message =
                format!("memory.memorySwap is {} bytes, less than memory.memory with {} bytes, which it includes", swap.0, limit.0);
            problems.push(Problem::new("/memory/memorySwap", message).with_help("make it equal for no swap, greater for some, -1 for any"));
        }
        if let Some(swappiness) = memory.memory_swappiness.filter(|s| s.0 > 100) {
            let message = format!("memory.memorySwappiness is {}, not a number from 0 to 100", swappiness.0);
            problems.push(Problem::new("/memory/memorySwappiness", message));
        }
        problems
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        let with_volume = request.properties.copies_files() && files::anything_to_copy(&request.files);
        let blueprint = Blueprint::new(&request, with_volume)?;
        Ok(Preview { kind: "container".to_owned(), document: blueprint.document(), notes: blueprint.notes })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        // Before anything is asked of an engine: wrong requests fail the same way on every machine.
        container::image(&request).map(Reference::parse).transpose()?.ok_or(Failure::ImageRequired)?;
        let engine = tokio::select! {
            engine = Engine::find(request.properties.host.as_deref()) => engine?,
            _ = context.cancelled() => return ended_before_start(&context),
        };
        let run = Run { engine, request, context };
        match run.to_the_end().await {
            Err(Failure::Cancelled) => ended_before_start(&run.context),
            result => Ok(result?),
        }
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, context: Context) -> Result<Attached, Error> {
        let engine = Engine::find(request.properties.host.as_deref()).await?;
        Ok(attach::attach(engine, request, checkpoint, context).await?)
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        let engine = match Engine::find(properties.host.as_deref()).await {
            Ok(engine) => engine,
            Err(failure) => return Ok(Health { ok: false, message: Error::from(failure).to_string(), ..Health::default() }),
        };
        let info = match timeout(Duration::from_secs(10), engine.docker.info()).await {
            Ok(Ok(info)) => info,
            Ok(Err(error)) => {
                let message = engine.failure("asking for its state", error).to_string();
                return Ok(Health { ok: false, message, ..Health::default() });
            }
            Err(_) => {
                let message = format!("the Docker engine at {} did not answer within 10 s", engine.endpoint);
                return Ok(Health { ok: false, message, ..Health::default() });
            }
        };
        let version = info.server_version.unwrap_or_default();
        let facts = [
            ("endpoint", Some(Value::from(engine.endpoint.clone()))),
            ("source", Some(Value::from(engine.source.clone()))),
            ("version", Some(Value::from(version.clone()))),
            ("operatingSystem", info.operating_system.map(Value::from)),
            ("architecture", info.architecture.map(Value::from)),
            ("cpus", info.ncpu.map(Value::from)),
            ("memory", info.mem_total.map(Value::from)),
            ("storageDriver", info.driver.map(Value::from)),
            ("loggingDriver", info.logging_driver.map(Value::from)),
            ("running", info.containers_running.map(Value::from)),
        ];
        Ok(Health {
            ok: true,
            message: format!("Docker {version} at {} ({})", engine.endpoint, engine.source),
            facts: facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        })
    }
}

/// Nothing runs yet: a host that only goes for a while submits again.
fn ended_before_start(context: &Context) -> Result<Outcome, Error> {
    match context.cancellation() {
        Some(cancellation) if cancellation.reason == CancelReason::Detach => Ok(Outcome::detached()),
        _ => Err(Error::cancelled()),
    }
}
