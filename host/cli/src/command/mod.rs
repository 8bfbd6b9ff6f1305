//! One file per command.

mod completions;
mod doctor;
mod dry_run;
mod explain;
mod expr;
mod flow_files;
mod plugins;
mod run;
mod schema;
mod server;
mod validate;

use std::io::{self, Write};

use crate::{
    arguments::{Arguments, Command},
    exit::Exit,
    failure::Failure,
};

pub fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let globals = &arguments.globals;
    match &arguments.command {
        Command::Validate(command) => validate::run(globals, command),
        Command::Explain(command) => explain::run(globals, command),
        Command::Plugins(command) => plugins::run(globals, command),
        Command::Schema(command) => schema::run(globals, command),
        Command::Expr(command) => expr::run(globals, command),
        Command::Doctor(command) => doctor::run(globals, command),
        Command::Completions(command) => completions::run(command),
        Command::Run(command) => run::run(globals, command),
        Command::Conformance => plugins::conformance(),
        Command::Serve(command) => server::serve(globals, command),
        Command::Executions(command) => server::executions(globals, command),
        Command::Triggers(command) => server::triggers(globals, command),
        Command::Logs(command) => server::logs(globals, command),
        Command::Restart(command) => server::restart(globals, command),
        Command::Keeper { .. } | Command::Preflight { .. } | Command::Plugin { .. } => Ok(Exit::Success),
    }
}

/// Writes a command's answer. A reader that has seen enough (`| head`) is no error.
fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::output(&error)),
        _ => Ok(()),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Failure::output(&error.into()))?;
    text.push(b'\n');
    print(&text)
}
