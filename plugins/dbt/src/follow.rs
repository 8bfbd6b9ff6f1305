//! Runs a plan, logs what dbt says, and keeps what it leaves.

use serde_json::{Map, Value};
use switchyard_plugin_api::{Event, FollowedPlan, Level, LogStream, prelude::*};

use crate::{
    log,
    project::{Project, literal},
    results,
};

const MANIFEST: &str = "manifest.json";
const RUN_RESULTS: &str = "run_results.json";

/// What to do with the artifacts.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Keep the artifacts at all.
    pub artifacts: bool,
    /// Make task runs of the results.
    pub results: bool,
    /// A warning of dbt is a warning of the task.
    pub warnings: bool,
}

/// Runs it to its end.
pub async fn run(mut plan: Plan, project: &Project, keep: Keep, context: &Context) -> Result<TaskOutcome, Error> {
    let (manifest, run_results) = (project.target(MANIFEST), project.target(RUN_RESULTS));
    if keep.artifacts {
        plan.wanted.extend(manifest.iter().chain(&run_results).map(|path| literal(path)));
    }
    // A task before this one may have left results, which are not ours.
    let before = match &run_results {
        Some(path) if keep.results => context.read_file(path).await?,
        _ => None,
    };
    let mut followed = context.follow_plan(&plan);
    let warned = tell(&mut followed, context).await;
    let ended = followed.end().await?;

    let mut outcome = TaskOutcome { warning: warned && keep.warnings, ..TaskOutcome::default() };
    if ended.exit_code != 0 {
        let why = ended.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        outcome.failure = Some(format!("Command failed with exit code {}{why}", ended.exit_code));
    }
    if keep.artifacts && context.cancellation().is_none() {
        let mut files = Map::new();
        if let Some(path) = &manifest {
            files.extend(context.store_file(path, MANIFEST).await?.map(|uri| (MANIFEST.to_owned(), Value::String(uri))));
        }
        if let Some(path) = run_results.filter(|_| keep.results)
            && let Some(text) = context.read_file(&path).await?
            && before.as_ref() != Some(&text)
        {
            files.extend(context.store_file(&path, RUN_RESULTS).await?.map(|uri| (RUN_RESULTS.to_owned(), Value::String(uri))));
            report(&text, &mut outcome, context);
        }
        if !files.is_empty() {
            outcome.outputs.insert("outputFiles".into(), Value::Object(files));
        }
    }
    Ok(outcome)
}

/// Logs every line; answers whether dbt warned.
async fn tell(followed: &mut FollowedPlan, context: &Context) -> bool {
    let mut warned = false;
    while let Some(line) = followed.line().await {
        match log::read(&line.text) {
            Some(entry) => {
                warned |= entry.level == Level::Warn;
                entry.stats.into_iter().for_each(|(name, value)| context.counter(name, value));
                if !entry.message.is_empty() {
                    context.message(entry.level, entry.message);
                }
            }
            // The host reads `::{}::` lines, and logs the rest.
            None => context.write_log(LogStream::Stdout, format!("{}\n", line.text.trim()).as_bytes()).await,
        }
    }
    warned
}

fn report(text: &str, outcome: &mut TaskOutcome, context: &Context) {
    match results::read(text) {
        Ok(read) => {
            read.metrics.into_iter().for_each(|metric| context.notify(Event::Metric(metric)));
            outcome.task_runs = read.runs;
            for word in read.unknown {
                context
                    .message(Level::Warn, format!("dbt calls the state of a node `{word}`, which is not known; its task run says WARNING"));
            }
        }
        Err(error) => {
            context.message(Level::Warn, format!("{RUN_RESULTS} cannot be read, so there are no task runs of the nodes: {error}"));
        }
    }
}
