//! `switchyard plugins`.

mod check;
mod list;
pub(super) mod property;
mod release;
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
        Plugins::Release { plugin } => release::run(&host, plugin),
        Plugins::Check { file, json } => check::run(globals, &host, file, *json),
    }
}
