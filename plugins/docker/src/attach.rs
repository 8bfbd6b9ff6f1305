//! After a restart of the host: finding the container of an attempt, and going on where the host stopped.

use std::sync::Arc;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as Status};
use serde_json::Value;
use switchyard_plugin_api::{Attached, prelude::*};

use crate::{
    checkpoint::{self, Checkpoint},
    cleanup::remove,
    container::KEY_LABEL,
    engine::{Engine, chain, status},
    error::Failure,
    follow::Source,
    logs,
    properties::Properties,
    run::Run,
};

/// What is to be done with a container that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It runs, or has run: its output and its end can still be had.
    Follow,
    /// It was never started, or is on its way out: nothing of the work is in it.
    Discard,
}

/// Finds the container of a request and follows it to its end.
pub async fn attach(
    engine: Arc<Engine>,
    request: RunRequest<Properties>,
    state: Option<Value>,
    context: Context,
) -> Result<Attached, Failure> {
    let checkpoint = Checkpoint::read(state);
    if let Some(Checkpoint { container_id, outcome: Some(outcome), .. }) = checkpoint {
        // It is over; only the removal may be left to do.
        if inspect(&engine, &container_id).await?.is_some()
            && let Err(reason) = remove(engine.clone(), container_id.clone(), request.task.key.clone()).await
        {
            context.message(Level::Warn, format!("the container {container_id} of an earlier host could not be removed: {reason}"));
        }
        return Ok(Attached::Ended { outcome: outcome.detail("containerId", container_id) });
    }
    let found = candidates(&engine, &request.task.key, checkpoint.as_ref()).await?;
    let resume = request.properties.resume();
    let mut chosen = None;
    for candidate in found {
        let Some(id) = candidate.id.clone() else { continue };
        if chosen.is_none() && resume && verdict(&candidate) == Verdict::Follow {
            chosen = Some((id, candidate.config.and_then(|c| c.working_dir).unwrap_or_default()));
        } else if let Err(reason) = remove(engine.clone(), id.clone(), request.task.key.clone()).await {
            context.message(Level::Warn, format!("the container {id} of an earlier host could not be removed: {reason}"));
        }
    }
    let Some((id, directory)) = chosen else { return Ok(Attached::Gone) };
    let position = checkpoint::position(&context, checkpoint.as_ref().filter(|c| c.container_id == id)).await;
    tracing::debug!(container = id, stdout = position.stdout, stderr = position.stderr, "following the container again");
    context.detail("containerId", id.clone());
    // A container that has ended has a log that ends, so following serves both.
    let source = Source::Replay(logs::replay(&engine.docker, &id, true));
    let outcome = Run { engine, request, context }.follow(id, directory, source, position).await?;
    Ok(Attached::Ended { outcome })
}

/// Containers of this key, the best first.
async fn candidates(engine: &Engine, key: &str, checkpoint: Option<&Checkpoint>) -> Result<Vec<ContainerInspectResponse>, Failure> {
    if let Some(checkpoint) = checkpoint
        && let Some(found) = inspect(engine, &checkpoint.container_id).await?
    {
        return Ok(vec![found]);
    }
    let listed = engine.list(format!("{KEY_LABEL}={key}")).await.map_err(|e| engine.failure("looking for the task's container", e))?;
    let mut found = Vec::new();
    for id in listed.into_iter().filter_map(|summary| summary.id) {
        found.extend(inspect(engine, &id).await?);
    }
    found.sort_by_key(rank);
    Ok(found)
}

async fn inspect(engine: &Engine, id: &str) -> Result<Option<ContainerInspectResponse>, Failure> {
    match engine.inspect(id).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if status(&error) == Some(404) => {
            tracing::debug!(container = id, error = chain(&error), "the container is gone");
            Ok(None)
        }
        Err(error) => Err(engine.failure("looking at the task's container", error)),
    }
}

fn state(found: &ContainerInspectResponse) -> (Status, i64) {
    let state = found.state.clone().unwrap_or_default();
    (state.status.unwrap_or(Status::EMPTY), state.exit_code.unwrap_or(0))
}

fn verdict(found: &ContainerInspectResponse) -> Verdict {
    match state(found).0 {
        Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::EXITED | Status::STOPPING => Verdict::Follow,
        Status::CREATED | Status::DEAD | Status::REMOVING | Status::EMPTY => Verdict::Discard,
    }
}

/// Running before exited with success before exited otherwise.
fn rank(found: &ContainerInspectResponse) -> u8 {
    match state(found) {
        (Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::STOPPING, _) => 0,
        (Status::EXITED, 0) => 1,
        (Status::EXITED, _) => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerState;

    use super::*;

    #[test]
    fn docker_d22_what_is_followed_and_in_which_order() {
        let found = |status, exit_code| ContainerInspectResponse {
            state: Some(ContainerState { status: Some(status), exit_code: Some(exit_code), ..Default::default() }),
            ..Default::default()
        };
        for (status, code, expected) in [
            (Status::RUNNING, 0, (0, Verdict::Follow)),
            (Status::PAUSED, 0, (0, Verdict::Follow)),
            (Status::RESTARTING, 0, (0, Verdict::Follow)),
            (Status::EXITED, 0, (1, Verdict::Follow)),
            (Status::EXITED, 1, (2, Verdict::Follow)),
            (Status::CREATED, 0, (3, Verdict::Discard)),
            (Status::DEAD, 0, (3, Verdict::Discard)),
            (Status::REMOVING, 0, (3, Verdict::Discard)),
        ] {
            let found = found(status, code);
            assert_eq!((rank(&found), verdict(&found)), expected, "{status:?} {code}");
        }
    }
}
