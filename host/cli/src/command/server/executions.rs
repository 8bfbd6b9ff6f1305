//! `switchyard executions`.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use switchyard_engine::stored_document as stored_document_of;
use switchyard_model::State;
use switchyard_server::control::{Answer, Client, Request, Row};
use switchyard_store::journal::{self, ExecutionFilter, Journal};

use super::{alone, ask, broken, directory};
use crate::{
    arguments::{Executions, Format, Globals},
    command::{print, print_json, run::pair},
    exit::Exit,
    failure::Failure,
    host::{self, Host},
    screen::Table,
};

pub fn run(globals: &Globals, command: &Executions) -> Result<Exit, Failure> {
    match command {
        Executions::List { namespace, flow, states, limit, output, data } => {
            let states: Vec<String> = states.iter().map(|state| state.to_uppercase()).collect();
            if let Some(unknown) = states.iter().find(|state| State::from_name(state).is_none()) {
                return Err(Failure::usage("cli::unknown_state", format!("`{unknown}` is no state of an execution"))
                    .with_help("for example CREATED, QUEUED, RUNNING, PAUSED, SUCCESS, WARNING, FAILED, KILLED or CANCELLED"));
            }
            let request = Request::List { namespace: namespace.clone(), flow_id: flow.clone(), states, limit: *limit };
            list(globals, &directory(globals, data)?, &request, *output)
        }
        Executions::Show { id, output, data } => show(globals, &directory(globals, data)?, id, *output),
        Executions::Kill { id, data } => done(globals, &directory(globals, data)?, Request::Kill { id: id.clone() }),
        Executions::Restart { id, data } => began(globals, &directory(globals, data)?, Request::Restart { id: id.clone() }),
        Executions::Replay { id, from, data } => {
            began(globals, &directory(globals, data)?, Request::Replay { id: id.clone(), task_run: from.clone() })
        }
        Executions::Pause { id, data } => done(globals, &directory(globals, data)?, Request::Pause { id: id.clone() }),
        Executions::ForceRun { id, data } => done(globals, &directory(globals, data)?, Request::ForceRun { id: id.clone() }),
        Executions::ChangeStatus { id, state, task_run, data } => {
            let request = Request::ChangeStatus { id: id.clone(), task_run: task_run.clone(), state: state.to_uppercase() };
            done(globals, &directory(globals, data)?, request)
        }
        Executions::Resume { id, inputs, data } => {
            let pairs = inputs.iter().map(|written| pair(written, "-i", "NAME=VALUE").map(|(name, value)| (name, Json::String(value))));
            let inputs = pairs.collect::<Result<Map<_, _>, _>>()?;
            done(globals, &directory(globals, data)?, Request::Resume { id: id.clone(), inputs })
        }
    }
}

/// Prints the id of what goes on.
fn began(globals: &Globals, data_dir: &Path, request: Request) -> Result<Exit, Failure> {
    match act(globals, data_dir, request)? {
        Answer::Execution { document } => print(format!("{}\n", document["id"].as_str().unwrap_or_default()).as_bytes())?,
        _ => return Err(broken(&std::io::ErrorKind::InvalidData.into())),
    }
    Ok(Exit::Success)
}

fn done(globals: &Globals, data_dir: &Path, request: Request) -> Result<Exit, Failure> {
    act(globals, data_dir, request).map(|_| Exit::Success)
}

/// By the server, or in its absence.
fn act(globals: &Globals, data_dir: &Path, request: Request) -> Result<Answer, Failure> {
    if let Some(client) = Client::find(data_dir) {
        return ask(&client, &request);
    }
    if host::shared_journal(globals)?.is_none() && !data_dir.join("journal.db").exists() {
        return Err(no_journal(data_dir));
    }
    let answer = alone::run(globals, data_dir, request)?;
    if let Answer::Execution { document } = &answer {
        eprintln!("{}", alone::hint(data_dir, &document["id"]));
    }
    Ok(answer)
}

fn list(globals: &Globals, data_dir: &Path, request: &Request, output: Format) -> Result<Exit, Failure> {
    let rows = match Client::find(data_dir) {
        Some(client) => match ask(&client, request)? {
            Answer::Executions { rows } => rows,
            _ => return Err(broken(&std::io::ErrorKind::InvalidData.into())),
        },
        None => stored(globals, data_dir, request)?,
    };
    if output == Format::Json {
        print_json(&rows)?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(["ID", "NAMESPACE", "FLOW", "STATE", "CREATED", "UPDATED"]);
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).map_or_else(|_| String::new(), |time| format!("{time:.0}"));
    for row in rows {
        table.push([row.id, row.namespace, row.flow_id, row.state, time(row.created), time(row.updated)]);
    }
    print(table.render(|_, _, cell| cell).as_bytes())?;
    Ok(Exit::Success)
}

fn show(globals: &Globals, data_dir: &Path, id: &str, output: Format) -> Result<Exit, Failure> {
    let document = match Client::find(data_dir) {
        Some(client) => match ask(&client, &Request::Show { id: id.to_owned() })? {
            Answer::Execution { document } => document,
            _ => return Err(broken(&std::io::ErrorKind::InvalidData.into())),
        },
        None => stored_document(globals, data_dir, id)?,
    };
    if output == Format::Json {
        print_json(&document)?;
        return Ok(Exit::Success);
    }
    let text = |value: &Json, name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let state = |value: &Json| value.pointer("/state/current").and_then(Json::as_str).unwrap_or_default().to_owned();
    print(
        format!("{} {}.{} {}\n\n", text(&document, "id"), text(&document, "namespace"), text(&document, "flowId"), state(&document))
            .as_bytes(),
    )?;
    let mut table = Table::new(["TASK", "VALUE", "STATE", "ATTEMPTS", "TASK RUN"]);
    for run in document.get("taskRunList").and_then(Json::as_array).into_iter().flatten() {
        let attempts = run.get("attempts").and_then(Json::as_array).map_or(0, Vec::len);
        table.push([text(run, "taskId"), text(run, "value"), state(run), attempts.to_string(), text(run, "id")]);
    }
    print(table.render(|_, _, cell| cell).as_bytes())?;
    Ok(Exit::Success)
}

/// The journal that the hosts share, or else the directory's own.
fn journal_of(globals: &Globals, data_dir: &Path) -> Result<Journal, Failure> {
    match host::shared_journal(globals)? {
        Some(shared) => shared.connect(journal::Options::default()).map_err(Failure::from),
        None => opened(data_dir),
    }
}

pub fn opened(data_dir: &Path) -> Result<Journal, Failure> {
    if !data_dir.join("journal.db").exists() {
        return Err(no_journal(data_dir));
    }
    Journal::open(data_dir, journal::Options::default()).map_err(|error| failed(&error))
}

fn no_journal(data_dir: &Path) -> Failure {
    Failure::usage("control::no_journal", format!("there is no journal in {}", data_dir.display()))
        .with_help("start a server with `switchyard serve`, or name the data directory with --data-dir or SWITCHYARD_DATA_DIR")
}

fn failed(error: &journal::Error) -> Failure {
    Failure::new(Exit::Failed, error.code(), error.to_string())
}

/// What is in the data directory; needs no server.
fn stored(globals: &Globals, data_dir: &Path, request: &Request) -> Result<Vec<Row>, Failure> {
    let Request::List { namespace, flow_id, states, limit } = request.clone() else { return Ok(Vec::new()) };
    let filter = ExecutionFilter { namespace, flow_id, states, limit, ..ExecutionFilter::default() };
    let rows = waiting(journal_of(globals, data_dir)?.list(filter)).map_err(|error| failed(&error))?;
    Ok(rows.into_iter().map(Row::from).collect())
}

pub fn stored_document(globals: &Globals, data_dir: &Path, id: &str) -> Result<Json, Failure> {
    let journal = journal_of(globals, data_dir)?;
    let found = waiting(journal.execution(id)).map_err(|error| failed(&error))?;
    let found = found.ok_or_else(|| {
        Failure::usage("execution::unknown", format!("there is no execution `{id}`"))
            .with_help("`switchyard executions list` shows what there is")
    })?;
    let document = found.document.as_deref().filter(|_| found.finished).and_then(|bytes| serde_json::from_slice(bytes).ok());
    if let Some(document) = document {
        return Ok(document);
    }
    let host = Host::open(globals)?;
    // Of a flow that cannot run here only the row is known.
    Ok(waiting(stored_document_of(&journal, &host.registry, &host.config, id)).unwrap_or_else(
        |_| json!({ "id": found.id, "namespace": found.namespace, "flowId": found.flow_id, "state": { "current": found.state } }),
    ))
}

/// A read of the journal does its work where it is polled, without a runtime.
pub fn waiting<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = work.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}
