//! `switchyard plugins`.

mod check;
mod list;
pub(super) mod property;
mod show;

use crate::{
    arguments::{Globals, Plugins},
    exit::Exit,
    failure::Failure,
    host::Host,
};

pub fn run(globals: &Globals, command: &Plugins) -> Result<Exit, Failure> {
    let host = Host::open(globals)?;
    match command {
        Plugins::List { json, all } => list::run(globals, &host, *json, *all),
        Plugins::Show { type_name, json } => show::run(globals, &host, type_name, *json),
        Plugins::Check { file, json } => check::run(globals, &host, file, *json),
    }
}
