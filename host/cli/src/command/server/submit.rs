//! `switchyard run --server`.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use switchyard_engine::{Loaded, Submission};
use switchyard_server::control::{Answer, Client, Request};

use super::{ask, broken, client, directory, logs};
use crate::{
    arguments::{DataDir, Format, Globals, Run},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
};

/// How long a server that restarts may be away.
const AWAY: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

pub fn run(globals: &Globals, command: &Run, loaded: &Loaded, submission: Submission, host: &Host) -> Result<Exit, Failure> {
    let data_dir = directory(globals, &DataDir { data_dir: command.data_dir.clone() })?;
    let mut server = client(&data_dir)?;
    let files = submission.files.into_iter().map(|(name, path)| {
        // The server has another current directory.
        let path = std::path::absolute(&path).unwrap_or(path);
        (name, path)
    });
    let request = Request::Run {
        name: command.flow.display().to_string(),
        flow: host.sources.get(loaded.source).text().to_string(),
        inputs: submission.inputs,
        files: files.collect(),
        labels: submission.labels,
    };
    let begun = document(ask(&server, &request)?)?;
    let id = begun.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let json = command.output == Format::Json;
    if command.detach {
        if json {
            print_json(&begun)?;
        } else {
            print(format!("{id}\n").as_bytes())?;
        }
        return Ok(Exit::Success);
    }
    let mut seen = 0;
    let ended = loop {
        if !json && !command.no_logs {
            seen = logs::follow(&server, &id, seen).unwrap_or(seen);
        }
        match server.ask(&Request::Wait { id: id.clone() }) {
            Ok(Answer::Left) | Err(_) => server = again(&data_dir)?,
            Ok(answer) => {
                let document = document(answer)?;
                if over(&document) {
                    break document;
                }
                // The next host has not taken it up yet.
                std::thread::sleep(PAUSE);
            }
        }
    };
    let state = ended.pointer("/state/current").and_then(Json::as_str).unwrap_or_default();
    if json {
        print_json(&ended)?;
    } else {
        eprintln!("{id} {state}");
    }
    Ok(if matches!(state, "SUCCESS" | "WARNING") { Exit::Success } else { Exit::Failed })
}

fn over(document: &Json) -> bool {
    document.pointer("/state/endDate").is_some_and(|date| !date.is_null())
}

/// The server that took the place of one that went.
fn again(data_dir: &std::path::Path) -> Result<Client, Failure> {
    let begun = Instant::now();
    loop {
        match Client::find(data_dir) {
            Some(client) => return Ok(client),
            None if begun.elapsed() > AWAY => return client(data_dir),
            None => std::thread::sleep(PAUSE),
        }
    }
}

fn document(answer: Answer) -> Result<Json, Failure> {
    match answer {
        Answer::Execution { document } => Ok(document),
        Answer::Refused { code, message, help } => Err(super::refused(code, message, help)),
        _ => Err(broken(&std::io::ErrorKind::InvalidData.into())),
    }
}
