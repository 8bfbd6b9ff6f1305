//! What is done to executions when no server runs: the journal is changed, and the next server goes on from there. A kill is the
//! exception: what still runs is ended here and now.

use std::{path::Path, time::Duration};

use serde_json::Value as Json;
use switchyard_engine::Engine;
use switchyard_engine::Unobserved;
use switchyard_server::control::{Answer, Request, ended_state};

use super::serve::{keeper, options};
use crate::{arguments::Globals, command::run::failed, exit::Exit, failure::Failure, host::Host, lock::Lock};

/// How long what is killed may take to end.
const END: Duration = Duration::from_secs(60);

pub fn run(globals: &Globals, data_dir: &Path, request: Request) -> Result<Answer, Failure> {
    let lock = Lock::exclusive(data_dir)?;
    let data_dir = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let (_, keeper) = keeper(&data_dir)?;
    let host = Host::open_kept(globals, Some(keeper.clone()), |_| {})?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))?;
    let answer = runtime.block_on(async {
        let options = options(&host, keeper, &data_dir)?;
        let engine = Engine::start(options, host.registry.clone(), std::sync::Arc::new(Unobserved)).map_err(|error| failed(&error))?;
        let answer = act(&engine, request).await;
        engine.detach().await;
        engine.close().await;
        answer.map_err(|error| failed(&error))
    });
    runtime.shutdown_background();
    drop(lock);
    answer
}

async fn act(engine: &Engine, request: Request) -> Result<Answer, switchyard_plugin_api::Error> {
    let handle = match request {
        Request::Kill { id } => {
            let handle = engine.kill(&id).await?;
            if tokio::time::timeout(END, handle.left()).await.is_err() {
                tracing::warn!(execution = %id, "not everything has ended yet; the next server ends the rest");
            }
            return Ok(Answer::Done);
        }
        Request::Restart { id } => {
            engine.hold();
            engine.restart(&id).await?
        }
        Request::Replay { id, task_run } => {
            engine.hold();
            engine.replay(&id, task_run.as_deref()).await?
        }
        Request::Resume { id, inputs } => {
            engine.hold();
            engine.resume(&id, inputs).await?
        }
        Request::Pause { id } => {
            engine.hold();
            engine.pause(&id).await?
        }
        Request::ForceRun { id } => {
            engine.hold();
            engine.force_run(&id).await?
        }
        Request::ChangeStatus { id, task_run: None, state } => {
            engine.change_status(&id, ended_state(&state)?).await?;
            return Ok(Answer::Done);
        }
        Request::ChangeStatus { id, task_run: Some(run), state } => {
            engine.hold();
            engine.change_task_run(&id, &run, ended_state(&state)?).await?
        }
        _ => return Ok(Answer::Done),
    };
    Ok(Answer::Execution { document: serde_json::json!({ "id": handle.id() }) })
}

/// Where it goes on.
pub fn hint(data_dir: &Path, id: &Json) -> String {
    format!("{} goes on when a server runs: `switchyard serve --data-dir {}`", id.as_str().unwrap_or_default(), data_dir.display())
}
