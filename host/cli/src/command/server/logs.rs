//! `switchyard logs`.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_engine::log_parts;
use switchyard_model::Sources;
use switchyard_server::control::{Answer, Client, LogLine, Request};
use switchyard_store::logs;

use super::{ask, broken, directory, executions::stored_document, refused};
use crate::{
    arguments::{Globals, Logs},
    command::print,
    exit::Exit,
    failure::Failure,
    host,
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
    let others = Others::fetch(globals, data_dir, id)?;
    let own = data_dir.join("logs");
    let open = |root: &Path| logs::Logs::new(root).execution(id).and_then(|log| log.lines(CUT)).map_err(failed);
    let mut lines = Together::of(std::iter::once(&own).chain(&others.parts).map(|root| open(root)).collect::<Result<_, _>>()?);
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
    if empty { document.map(drop) } else { Ok(()) }
}

/// What other hosts of the journal left of a log, copied for as long as it is read.
struct Others {
    parts: Vec<PathBuf>,
    copies: PathBuf,
}

impl Others {
    fn fetch(globals: &Globals, data_dir: &Path, id: &str) -> Result<Self, Failure> {
        let mut others = Self { parts: Vec::new(), copies: data_dir.join(format!("logs-of-others.{}", std::process::id())) };
        let config = host::configuration(globals, &mut Sources::new())?;
        let Some(place) = config.storage.filter(|_| globals.journal.is_some() || config.journal.is_some()) else { return Ok(others) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))?;
        let found = match place.open() {
            Ok(storage) => runtime.block_on(log_parts::fetch(&storage, data_dir, id, &others.copies)),
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(parts) => others.parts = parts,
            // What this host has is still worth showing.
            Err(error) => eprintln!("what other hosts logged cannot be read: {error}"),
        }
        Ok(others)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        if !self.parts.is_empty() {
            let _ = std::fs::remove_dir_all(&self.copies);
        }
    }
}

/// Lines of several logs in the order of their times.
struct Together(Vec<(logs::LineReader, VecDeque<logs::Line>, bool)>);

impl Together {
    fn of(readers: Vec<logs::LineReader>) -> Self {
        Self(readers.into_iter().map(|reader| (reader, VecDeque::new(), false)).collect())
    }

    fn next_line(&mut self) -> logs::Result<Option<logs::Line>> {
        for (reader, ahead, over) in &mut self.0 {
            if ahead.is_empty() && !*over {
                match reader.next_line()? {
                    Some(line) => ahead.push_back(line),
                    None => {
                        *over = true;
                        ahead.extend(reader.unfinished());
                    }
                }
            }
        }
        let dated = self.0.iter_mut().filter_map(|(_, ahead, _)| Some((ahead.front()?.time, ahead)));
        Ok(dated.min_by_key(|(time, _)| *time).and_then(|(_, ahead)| ahead.pop_front()))
    }
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
