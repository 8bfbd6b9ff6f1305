//! The process runner of a host that may go before its tasks do: the keeper starts the process, and the host follows it.

use std::pin::pin;

use rustix::process::{Pid, Signal};
use serde::Deserialize;
use switchyard_plugin_api::{Attached, CancelReason, Context, Error, FailureReason, Level, LogStream, Outcome, Phase, RunRequest};

use super::{
    ProcessProperties, environment,
    kill::{self, Leader},
    program,
    runner::LAST_WORDS,
};
use crate::keeper::{Keeper, Kept, Spawn, Tail};

/// Bytes of output that the host has.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Position {
    stdout: u64,
    stderr: u64,
}

impl Leader for Kept {
    fn pid(&self) -> Pid {
        self.pid
    }

    async fn exited(&self) {
        if self.ended().await.is_none() {
            // Nobody will ever tell.
            std::future::pending::<()>().await;
        }
    }

    fn signal_group(&self, signal: Signal) {
        Kept::signal_group(self, signal);
    }
}

/// Starts the command and follows it.
pub(super) async fn run(keeper: &Keeper, request: &RunRequest<ProcessProperties>, context: &Context) -> Result<Outcome, Error> {
    context.phase(Phase::Starting);
    let (command, inherits) = environment::of(&request.command, &request.config)?;
    let limited = request.properties.limits.as_ref().map(|limits| limits.apply(&command, context)).transpose()?;
    let command = limited.as_ref().map_or(&*command, |(command, _)| command);
    let working_dir = &request.files.working_dir;
    let Some(name) = command.argv.first() else { return Err(program::empty()) };
    program::check(command)?;
    let spawn = Spawn {
        key: request.task.key.clone(),
        program: program::locate(name).to_string_lossy().into_owned(),
        argv: command.argv.clone(),
        env: command.env.clone(),
        alone: !inherits,
        directory: working_dir.display().to_string(),
    };
    let kept = keeper.spawn(spawn).await?.map_err(|error| program::explain(&error, name, command, working_dir))?;
    context.phase(Phase::Running);
    let outcome = follow(keeper, kept, Position::default(), request, context).await?;
    Ok(match (&limited, &request.properties.limits) {
        (Some((_, group)), Some(limits)) if !outcome.detached => group.explain(outcome, limits),
        _ => outcome,
    })
}

/// Finds the process of an earlier host.
pub(super) async fn attach(keeper: &Keeper, request: &RunRequest<ProcessProperties>, context: &Context) -> Result<Attached, Error> {
    keeper.find().await?;
    let key = &request.task.key;
    if let Some(kept) = keeper.kept(key) {
        context.phase(Phase::Running);
        let position = context.service("log_position", &serde_json::json!({})).await.unwrap_or_default();
        let outcome = follow(keeper, kept, position, request, context).await?;
        return Ok(Attached::Ended { outcome });
    }
    // Whatever still runs of it belongs to nobody.
    let orphans = kill::orphans(&request.command.env).await;
    if keeper.began(key) || orphans > 0 {
        return Err(lost());
    }
    Ok(Attached::Gone)
}

async fn follow(
    keeper: &Keeper,
    kept: Kept,
    from: Position,
    request: &RunRequest<ProcessProperties>,
    context: &Context,
) -> Result<Outcome, Error> {
    let key = &request.task.key;
    let open = |stream, at| {
        Tail::open(keeper, key, stream, at)
            .map_err(|error| Error::environment("process::cannot_follow", format!("the output of the process cannot be read: {error}")))
    };
    let (stdout, stderr) = (open(LogStream::Stdout, from.stdout)?, open(LogStream::Stderr, from.stderr)?);
    let ended = || async {
        let _ = kept.ended().await;
    };
    let mut output = pin!(async { tokio::join!(stdout.drain(context, ended()), stderr.drain(context, ended())) });
    let asked = tokio::select! {
        biased;
        read = &mut output => {
            super::runner::report(context, read);
            return outcome(&kept).await;
        }
        asked = context.cancelled() => asked,
    };
    if asked.reason == CancelReason::Detach {
        return Ok(Outcome::detached());
    }
    context.message(Level::Warn, format!("Killing process {} and its children", kept.pid.as_raw_nonzero()));
    let mut closed = false;
    {
        let mut killing = pin!(kill::tree(&kept, &request.command.env, asked.grace()));
        tokio::select! {
            () = &mut killing => {}
            read = &mut output => {
                super::runner::report(context, read);
                closed = true;
            }
        }
        if closed {
            killing.await;
        }
    }
    if !closed {
        let _ = tokio::time::timeout(LAST_WORDS, &mut output).await;
    }
    Ok(outcome(&kept).await?.because(FailureReason::Killed, "killed because the host asked for it"))
}

async fn outcome(kept: &Kept) -> Result<Outcome, Error> {
    let status = kept.ended().await.ok_or_else(lost)?;
    Ok(match (status.code, status.signal) {
        (Some(code), _) => Outcome::exited(code),
        (None, Some(signal)) => Outcome::signalled(signal),
        (None, None) => return Err(lost()),
    })
}

fn lost() -> Error {
    Error::environment(
        "process::lost",
        "the process of this attempt was started, and nobody knows how it ended: the keeper that held it is gone",
    )
    .with_help("it is not run again by itself, since it may have done its work: look at what it did, then restart the execution")
}
