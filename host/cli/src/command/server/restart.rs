//! `switchyard restart`.

use std::time::{Duration, Instant};

use switchyard_server::control::{Answer, Client, Request, Status};

use super::{ask, broken, client, directory, serve::sentence};
use crate::{
    arguments::{Globals, Restart},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
};

/// How long the new program may take to answer.
const START: Duration = Duration::from_secs(60);
/// How long running tasks may take to be found.
const FIND: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

pub fn run(globals: &Globals, command: &Restart) -> Result<Exit, Failure> {
    let data_dir = directory(globals, &command.data)?;
    let before = client(&data_dir)?;
    let generation = status(&before)?.generation;
    ask(&before, &Request::Reload)?;
    let begun = Instant::now();
    let mut after = loop {
        let found = Client::find(&data_dir).and_then(|client| status(&client).ok());
        match found.filter(|status| status.generation != generation) {
            Some(status) => break status,
            None if begun.elapsed() > START => return Err(broken(&std::io::ErrorKind::TimedOut.into())),
            None => std::thread::sleep(PAUSE),
        }
    };
    let begun = Instant::now();
    while after.recovery.open() > 0 && begun.elapsed() < FIND {
        std::thread::sleep(PAUSE);
        after = status(&client(&data_dir)?)?;
    }
    if command.json {
        print_json(&after)?;
    } else {
        print(format!("restarted (pid {}); {}\n", after.pid, sentence(&after.recovery)).as_bytes())?;
    }
    let recovery = &after.recovery;
    Ok(if recovery.lost + recovery.twice + recovery.open() + recovery.held.len() == 0 { Exit::Success } else { Exit::Failed })
}

fn status(client: &Client) -> Result<Status, Failure> {
    match ask(client, &Request::Status)? {
        Answer::Status(status) => Ok(status),
        _ => Err(broken(&std::io::ErrorKind::InvalidData.into())),
    }
}
