//! `switchyard plugins lock`: accepts the plugins that are there.

use switchyard_registry::{Change, State};

use crate::{arguments::Globals, command::print, exit::Exit, failure::Failure, host::Host, screen::Screen};

pub fn run(globals: &Globals, host: &Host) -> Result<Exit, Failure> {
    let palette = Screen::stdout(globals.color).palette;
    let mut text = String::new();
    let locks = host.registry.lock()?;
    for (directory, changes) in &locks {
        text.push_str(&format!("{}\n", directory.join("plugins.lock").display()));
        for (file, change) in changes {
            let line = format!("{change}, {file}");
            text.push_str(&match change {
                Change::Kept(_) => format!("  {}\n", palette.dim(line)),
                Change::Added(_) | Change::Changed { .. } => format!("  {}\n", palette.good(line)),
                Change::Removed(_) => format!("  {}\n", palette.bad(line)),
            });
        }
    }
    for row in host.registry.plugins().iter().filter(|row| row.state == State::Refused) {
        text.push_str(&format!("{} not locked: {}\n", palette.bad("x"), row.line()));
    }
    if locks.is_empty() {
        text.push_str("there is no plugin to lock\n");
    }
    print(text.as_bytes())?;
    Ok(Exit::Success)
}
