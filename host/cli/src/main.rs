//! The switchyard command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod baseline;
mod command;
mod exit;
mod failure;
mod family;
mod host;
mod journal;
mod lock;
mod open_files;
mod page;
mod place;
mod scratch;
mod screen;
mod signals;

use arguments::{Arguments, Command};
use screen::Screen;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Preflight { file } = &arguments.command {
        return switchyard_registry::preflight_main(file);
    }
    if let Command::Plugin { library, id } = &arguments.command {
        return switchyard_registry::process_main(library, id);
    }
    if let Command::Keeper { directory, stay } = &arguments.command {
        return switchyard_engine::keeper::main(directory, *stay);
    }
    let errors = Screen::stderr(arguments.globals.color);
    journal::start(arguments.globals.verbose);
    open_files::allow();
    match command::run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            errors.show_failure(&failure);
            failure.exit.into()
        }
    }
}
