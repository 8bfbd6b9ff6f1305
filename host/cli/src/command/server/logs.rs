//! `switchyard logs`.

use std::{collections::HashMap, path::Path};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_server::control::{Answer, Client, LogLine, Request};
use switchyard_store::logs;

use super::{ask, broken, directory, executions::stored_document, refused};
use crate::{
    arguments::{Globals, Logs},
    command::print,
    exit::Exit,
    failure::Failure,
};

/// Longest line that is shown.
const CUT: usize = 64 * 1024;

pub fn run(globals: &Globals, command: &Logs) -> Result<Exit, Failure> {
    let data_dir = directory(globals, &command.data)?;
    match Client::find(&data_dir) {
        Some(client) if command.follow => follow(&client, &command.id, 0).map(|_| Exit::Success),
        client => stored(globals, client.as_ref(), &data_dir, &command.id).map(|()| Exit::Success),
    }
}

/// What is in the data directory; needs no server.
fn stored(globals: &Globals, client: Option<&Client>, data_dir: &Path, id: &str) -> Result<(), Failure> {
    let failed = |error: logs::Error| Failure::usage(error.code(), error.to_string());
    let mut lines = logs::Logs::new(data_dir.join("logs")).execution(id).and_then(|log| log.lines(CUT)).map_err(failed)?;
    let mut names = Names::default();
    // A log can be read whatever became of the journal.
    let document = match client {
        Some(client) => show(client, id),
        None => stored_document(globals, data_dir, id),
    };
    if let Ok(document) = &document {
        names.learn(document);
    }
    let mut empty = true;
    while let Some(line) = lines.next_line().map_err(failed)? {
        empty = false;
        print(names.line(None, id, &line.into()).as_bytes())?;
    }
    for line in lines.unfinished() {
        empty = false;
        print(names.line(None, id, &line.into()).as_bytes())?;
    }
    if empty { document.map(drop) } else { Ok(()) }
}

fn show(client: &Client, id: &str) -> Result<Json, Failure> {
    match ask(client, &Request::Show { id: id.to_owned() })? {
        Answer::Execution { document } => Ok(document),
        _ => Err(broken(&std::io::ErrorKind::InvalidData.into())),
    }
}

/// Prints the lines after the first `skip` until the execution is over or the server goes. Answers how many there were.
pub fn follow(client: &Client, id: &str, skip: usize) -> Result<usize, Failure> {
    let mut names = Names::default();
    let mut count = 0;
    let mut outcome = Ok(());
    let listened = client.listen(&Request::Follow { id: id.to_owned() }, |answer| {
        match answer {
            Answer::Line(line) => {
                count += 1;
                if count > skip {
                    outcome = print(names.line(Some(client), id, &line).as_bytes());
                }
            }
            Answer::Refused { code, message, help } => outcome = Err(refused(code, message, help)),
            _ => return false,
        }
        outcome.is_ok()
    });
    outcome?;
    match listened {
        // It went in the middle of a line.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(broken(&error)),
        _ => Ok(count.max(skip)),
    }
}

/// Task ids by task run.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn line(&mut self, client: Option<&Client>, id: &str, line: &LogLine) -> String {
        let time = Timestamp::from_nanosecond(i128::from(line.time)).unwrap_or_default();
        format!("{time:.3} {:<5} {} {}\n", line.level, self.of(client, id, &line.task_run), line.text)
    }

    fn learn(&mut self, document: &Json) {
        for run in document.get("taskRunList").and_then(Json::as_array).into_iter().flatten() {
            if let (Some(run), Some(task)) = (run.get("id").and_then(Json::as_str), run.get("taskId").and_then(Json::as_str)) {
                self.0.insert(run.to_owned(), task.to_owned());
            }
        }
    }

    fn of(&mut self, client: Option<&Client>, id: &str, task_run: &str) -> String {
        if let Some(name) = self.0.get(task_run) {
            return name.clone();
        }
        let answer = client.and_then(|client| client.ask(&Request::Show { id: id.to_owned() }).ok());
        if let Some(Answer::Execution { document }) = answer {
            self.learn(&document);
        }
        self.0.entry(task_run.to_owned()).or_insert_with(|| task_run.to_owned()).clone()
    }
}
