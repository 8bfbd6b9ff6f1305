//! The task runner: starts the process, follows it to its end.

use std::{pin::pin, time::Duration};

use switchyard_plugin_api::{
    Attached, Capabilities, Context, Description, Error, FailureReason, FileStrategy, Image, Level, LogStreams, Outcome, Phase, Placement,
    Preview, RunRequest, TaskRunner,
};

use super::{
    environment, kept, kill,
    limits::Limits,
    pipe::Pipe,
    start::{Running, Started, start},
};
use crate::keeper::Keeper;

/// How long a process that has ended may leave its output open to others before the host stops listening.
const LINGER: Duration = Duration::from_secs(3);
/// How long the output of a killed process may take to be handed over.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// Properties of the process runner.
#[derive(Debug, Clone, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessProperties {
    /// What the process and everything it starts may use.
    #[serde(default)]
    pub limits: Option<Limits>,
}

/// Runs the command as a process on the host's own machine, in the task's working directory.
#[derive(Clone, Default)]
pub struct ProcessRunner {
    /// Holds the processes of a host that may go before they end; without one they are the host's own children.
    pub keeper: Option<Keeper>,
}

impl TaskRunner for ProcessRunner {
    type Properties = ProcessProperties;
    const TYPE: &'static str = "io.kestra.plugin.core.runner.Process";

    fn describe(&self) -> Description {
        Description::new("Run a task as a process on the host.")
            .alias("io.kestra.core.models.script.types.ProcessTaskRunner")
            .alias("io.kestra.core.models.tasks.runners.types.ProcessTaskRunner")
            .alias("io.kestra.core.models.script.types.ProcessScriptRunner")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .runnable_example("Run a shell command as a process.", include_str!("example.yaml"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Local,
            limits: true,
            image: Image::Ignored,
            reattach: self.keeper.is_some(),
            graceful_stop: true,
            preview: true,
            file_strategies: vec![FileStrategy::Shared],
            log_streams: LogStreams::Separate,
        }
    }

    async fn preview(&self, request: RunRequest<ProcessProperties>) -> Result<Preview, Error> {
        let part = if environment::of(&request.command, &request.config)?.1 { "" } else { "what the administrator allows of " };
        let mut notes = vec![format!("the process also gets {part}the environment of the host")];
        notes.extend(request.command.image.map(|image| format!("containerImage {image} is ignored: a process uses the host's programs")));
        let document = serde_json::json!({
            "argv": request.command.argv,
            "env": request.command.env,
            "workingDir": request.files.working_dir,
        });
        Ok(Preview { kind: "process".into(), document, notes })
    }

    async fn run(&self, request: RunRequest<ProcessProperties>, context: Context) -> Result<Outcome, Error> {
        if let Some(keeper) = &self.keeper {
            return kept::run(keeper, &request, &context).await;
        }
        context.phase(Phase::Starting);
        let (command, inherits) = environment::of(&request.command, &request.config)?;
        let Some(limits) = &request.properties.limits else {
            let Running { process, stdout, stderr } = start(&command, inherits, &request.files.working_dir)?;
            context.phase(Phase::Running);
            return follow(process, &stdout, &stderr, &request, &context).await;
        };
        let (command, group) = limits.apply(&command, &context)?;
        let Running { process, stdout, stderr } = start(&command, inherits, &request.files.working_dir)?;
        context.phase(Phase::Running);
        let outcome = follow(process, &stdout, &stderr, &request, &context).await?;
        Ok(group.explain(outcome, limits))
    }

    async fn attach(
        &self,
        request: RunRequest<ProcessProperties>,
        _: Option<serde_json::Value>,
        context: Context,
    ) -> Result<Attached, Error> {
        match &self.keeper {
            Some(keeper) => kept::attach(keeper, &request, &context).await,
            None => Ok(Attached::Gone),
        }
    }
}

/// What has to happen next.
enum Turn {
    Ended,
    Closed,
    Asked(switchyard_plugin_api::Cancellation),
    Waited,
}

async fn follow(
    process: Started,
    stdout: &Pipe,
    stderr: &Pipe,
    request: &RunRequest<ProcessProperties>,
    context: &Context,
) -> Result<Outcome, Error> {
    let mut output = pin!(async { tokio::join!(stdout.drain(context), stderr.drain(context)) });
    let mut linger = pin!(None::<tokio::time::Sleep>);
    let (mut ended, mut closed) = (false, false);
    // What the process itself wrote before it ended is handed over however long that takes.
    let mut owed = 0;
    let asked = {
        let mut exit = pin!(process.exited());
        let mut cancelled = pin!(context.cancelled());
        loop {
            let turn = tokio::select! {
                biased;
                read = &mut output, if !closed => {
                    report(context, read);
                    Turn::Closed
                }
                () = &mut exit, if !ended => Turn::Ended,
                cancellation = &mut cancelled => Turn::Asked(cancellation),
                () = async { if let Some(sleep) = linger.as_mut().as_pin_mut() { sleep.await } }, if linger.is_some() => Turn::Waited,
            };
            match turn {
                Turn::Closed => closed = true,
                Turn::Ended => {
                    ended = true;
                    if !closed {
                        owed = stdout.taken() + stdout.waiting() + stderr.taken() + stderr.waiting();
                    }
                }
                Turn::Asked(cancellation) => break Some(cancellation),
                Turn::Waited if stdout.taken() + stderr.taken() >= owed => {
                    context.message(Level::Warn, DETACHED);
                    break None;
                }
                Turn::Waited => {}
            }
            if ended && closed {
                break None;
            }
            if ended {
                linger.set(Some(tokio::time::sleep(LINGER)));
            }
        }
    };
    let Some(cancellation) = asked else { return process.reap() };

    context.message(Level::Warn, format!("Killing process {} and its children", process.pid().as_raw_nonzero()));
    {
        let mut killing = pin!(kill::tree(&process, &request.command.env, cancellation.grace()));
        while !closed {
            tokio::select! {
                biased;
                () = &mut killing => break,
                read = &mut output => {
                    report(context, read);
                    closed = true;
                }
            }
        }
        if closed {
            killing.await;
        }
    }
    if !closed {
        let _ = tokio::time::timeout(LAST_WORDS, &mut output).await;
    }
    Ok(process.reap()?.because(FailureReason::Killed, "killed because the host asked for it"))
}

const DETACHED: &str = "The command has ended, but a process it left behind still holds its output open. Waited 3 s; what that process \
    writes from now on is not logged. To keep it, let the commands `wait` for it; to avoid this message, redirect its output.";

pub(super) fn report(context: &Context, (stdout, stderr): (std::io::Result<()>, std::io::Result<()>)) {
    for (stream, read) in [("standard output", stdout), ("standard error", stderr)] {
        if let Err(error) = read {
            context.message(Level::Error, format!("The command's {stream} cannot be read any more: {error}"));
        }
    }
}
