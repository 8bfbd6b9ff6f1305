//! `switchyard plugins check`: every check with its verdict.

use std::path::Path;

use switchyard_registry::{Gate, GateVerdict};

use crate::{
    arguments::Globals,
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::Screen,
};

pub fn run(globals: &Globals, host: &Host, file: &Path, json: bool) -> Result<Exit, Failure> {
    let gates = host.registry.check(file);
    let failed = gates.iter().any(|gate| gate.verdict == GateVerdict::Failed);
    if json {
        print_json(&gates)?;
    } else {
        print(text(globals, file, &gates, failed).as_bytes())?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

fn text(globals: &Globals, file: &Path, gates: &[Gate], failed: bool) -> String {
    let palette = Screen::stdout(globals.color).palette;
    let mut text = String::new();
    for gate in gates {
        let mark = match gate.verdict {
            GateVerdict::Passed => palette.good("ok     "),
            GateVerdict::Warned => palette.doubtful("warning"),
            GateVerdict::Failed => palette.bad("FAILED "),
        };
        text.push_str(&format!("{mark}  {:<9} {}\n", gate.name, gate.detail));
    }
    let verdict = if failed { "would be refused" } else { "would be loaded" };
    text.push_str(&format!("{} {verdict}\n", file.display()));
    text
}
