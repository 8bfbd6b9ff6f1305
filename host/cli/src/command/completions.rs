//! `switchyard completions`.

use clap::CommandFactory;

use super::print;
use crate::{
    arguments::{Arguments, Completions},
    exit::Exit,
    failure::Failure,
};

pub fn run(command: &Completions) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "switchyard", &mut text);
    print(&text)?;
    Ok(Exit::Success)
}
