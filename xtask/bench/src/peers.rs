//! Small programs to be measured against: each does the same work as ours with nothing around it.

mod dlopen;
mod lines;
mod memory;
mod print;
mod proc;
mod spawn;

use std::process::ExitCode;

use crate::error::{Error, Result};

pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Error::Usage("peer wants a name".to_owned()));
    };
    match name.as_str() {
        "spawn" => spawn::run(rest),
        "lines" => lines::run(rest),
        "print" => print::run(rest),
        "dlopen" => dlopen::run(rest),
        "memory" => memory::run(rest),
        "proc" => proc::run(rest),
        _ => Err(Error::Usage(format!("there is no peer `{name}`"))),
    }?;
    Ok(ExitCode::SUCCESS)
}
