//! `switchyard explain`.

mod ignored;
mod origin;
mod task;

use std::path::Path;

use super::print;
use crate::{
    arguments::{Explain, Globals},
    exit::Exit,
    failure::Failure,
    page,
};

pub fn run(globals: &Globals, command: &Explain) -> Result<Exit, Failure> {
    if command.codes {
        let list: String = page::codes().map(|code| format!("{code}\n")).collect();
        print(list.as_bytes())?;
        return Ok(Exit::Success);
    }
    let subject = command.subject.as_deref().unwrap_or_default();
    if let Some(id) = &command.task {
        return task::run(globals, Path::new(subject), id, command.output);
    }
    if let Some(text) = page::find(subject) {
        print(text.as_bytes())?;
        return Ok(Exit::Success);
    }
    if Path::new(subject).exists() {
        return Err(Failure::usage("cli::no_task", "which task of the flow?").with_help("add `--task ID`"));
    }
    Err(page::missing(subject))
}
