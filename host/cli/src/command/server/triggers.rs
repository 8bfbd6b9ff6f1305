//! `switchyard triggers`.

use std::io;

use switchyard_server::control::{Answer, Request};

use super::{ask, broken, client, directory};
use crate::{
    arguments::{Format, Globals, Triggers},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    screen::Table,
};

pub fn run(globals: &Globals, command: &Triggers) -> Result<Exit, Failure> {
    match command {
        Triggers::List { output, data } => {
            let Answer::Triggers { triggers } = ask(&client(&directory(globals, data)?)?, &Request::Triggers)? else {
                return Err(broken(&io::ErrorKind::InvalidData.into()));
            };
            if *output == Format::Json {
                print_json(&triggers)?;
                return Ok(Exit::Success);
            }
            let mut table = Table::new(["TRIGGER", "TYPE", "STATE", "NEXT"]);
            for trigger in triggers {
                let state = if trigger.disabled { "disabled" } else { "enabled" };
                table.push([trigger.name, trigger.type_name, state.to_owned(), trigger.next.unwrap_or_default()]);
            }
            print(table.render(|_, _, cell| cell).as_bytes())?;
        }
        Triggers::Enable { name, data } => {
            ask(&client(&directory(globals, data)?)?, &Request::Toggle { name: name.clone(), off: false })?;
        }
        Triggers::Disable { name, data } => {
            ask(&client(&directory(globals, data)?)?, &Request::Toggle { name: name.clone(), off: true })?;
        }
    }
    Ok(Exit::Success)
}
