//! The switchyard command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod command;
mod exit;
mod failure;
mod family;
mod host;
mod journal;
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
    let errors = Screen::stderr(arguments.globals.color);
    journal::start(arguments.globals.verbose);
    match command::run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            errors.show_failure(&failure);
            failure.exit.into()
        }
    }
}
