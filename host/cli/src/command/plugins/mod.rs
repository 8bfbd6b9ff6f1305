//! `switchyard plugins`.

mod check;
mod diff;
mod docs;
mod list;
mod loaded;
mod lock;
mod new;
mod preview;
pub(super) mod property;
mod recording;
mod release;
mod replay;
mod show;
mod test;
mod usage;

pub use test::child as conformance;

use crate::{
    arguments::{Globals, Plugins},
    exit::Exit,
    failure::Failure,
    host::Host,
};

pub fn run(globals: &Globals, command: &Plugins) -> Result<Exit, Failure> {
    if let Plugins::New(command) = command {
        return new::run(command);
    }
    if let Plugins::Preview(command) = command {
        return preview::run(globals, command);
    }
    if let Plugins::Usage { output, data } = command {
        return usage::run(globals, *output, data);
    }
    if let Plugins::Recording(command) = command {
        return recording::run(globals, command);
    }
    if let Plugins::Replay(command) = command {
        return replay::run(globals, command);
    }
    // What is accepted anew is not asked whether it was accepted before.
    let locking = matches!(command, Plugins::Lock);
    let host = Host::open_with(globals, |options| options.policy.locked &= !locking)?;
    match command {
        Plugins::List { json, all, data } => list::run(globals, &host, *json, *all, data),
        Plugins::Show { type_name, json } => show::run(globals, &host, type_name, *json),
        Plugins::Lock => lock::run(globals, &host),
        Plugins::Release { plugin } => release::run(&host, plugin),
        Plugins::Check { file, json } => check::run(globals, &host, file, *json),
        Plugins::Test(command) => test::run(globals, &host, command),
        Plugins::Diff(command) => diff::run(globals, &host, command),
        Plugins::Docs(command) => docs::run(&host, command),
        Plugins::New(_) | Plugins::Preview(_) | Plugins::Usage { .. } | Plugins::Recording(_) | Plugins::Replay(_) => Ok(Exit::Success),
    }
}
