//! Parts of Switchyard by themselves, for rows where the command line around them would hide what is measured.

mod call;
mod executions;
mod load;
mod restart;
mod schema;
mod spawn;

use std::process::ExitCode;

use crate::error::{Error, Result};

pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Error::Usage("part wants a name".to_owned()));
    };
    match name.as_str() {
        "preflight" => return load::preflight(rest),
        "plugin" => return call::plugin(rest),
        "call" => call::run(rest),
        "executions" => executions::run(rest),
        "load" => load::run(rest),
        "restart" => restart::run(rest),
        "schema" => schema::run(rest),
        "spawn" => spawn::run(rest),
        _ => Err(Error::Usage(format!("there is no part `{name}`"))),
    }?;
    Ok(ExitCode::SUCCESS)
}
