//! `switchyard plugins list`: what is loaded, and why not.

use switchyard_model::{catalog, type_name::former_types};
use switchyard_registry::{Outlook, State, Status};
use switchyard_server::control::Plugins;

use super::loaded;
use crate::{
    arguments::{DataDir, Globals},
    baseline,
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Palette, Screen, Table},
};

pub fn run(globals: &Globals, host: &Host, json: bool, all: bool, data: &DataDir) -> Result<Exit, Failure> {
    let mut rows = host.registry.plugins();
    let server = loaded::by_server(globals, data)?;
    let compared = server.as_ref().filter(|server| server.directories == loaded::directories(host));
    if let Some(server) = compared {
        rows = baseline::rows(host);
        rows = Outlook::between(&server.rows, &rows).rows(&server.rows, &rows);
    }
    if json {
        print_json(&rows)?;
        return Ok(Exit::Success);
    }
    let mut text = text(globals, host, &rows, all);
    if let Some(server) = &server {
        text.push_str(&about(Screen::stdout(globals.color).palette, server, compared.is_some()));
    }
    print(text.as_bytes())?;
    Ok(Exit::Success)
}

/// What the rows were compared with.
fn about(palette: Palette, server: &Plugins, compared: bool) -> String {
    let pid = server.pid;
    if !compared {
        let names: Vec<String> = server.directories.iter().map(|path| path.display().to_string()).collect();
        let line = format!("the server that runs (pid {pid}) has other directories: {}", names.join(", "));
        return format!("{} {line}; name them with --plugins\n", palette.doubtful("!"));
    }
    let mut text = format!("{}\n", palette.dim(format!("compared with what the server that runs (pid {pid}) has loaded")));
    if let Some(why) = &server.unwatched {
        text.push_str(&format!("{} the system does not watch the directories for it: {why}\n", palette.doubtful("!")));
    }
    text
}

fn text(globals: &Globals, host: &Host, rows: &[Status], all: bool) -> String {
    let palette = Screen::stdout(globals.color).palette;
    let mut table = Table::new(["TYPE", "KIND", "PLUGIN", "VERSION", "STATE", "ISOLATION", "FILE"]);
    let mut states = vec![State::BuiltIn];
    for row in rows.iter().filter(|row| row.type_name.is_some()) {
        let file = row.file.as_ref().map(|file| file.display().to_string());
        states.push(row.state);
        table.push([
            row.type_name.clone().unwrap_or_default(),
            row.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            row.plugin.clone().unwrap_or_default(),
            row.version.clone().unwrap_or_default(),
            row.state.as_str().to_owned(),
            isolation(row),
            file.unwrap_or_default(),
        ]);
        for alias in row.aliases.iter().filter(|_| all) {
            states.push(row.state);
            table.push([
                format!("  {alias}"),
                String::new(),
                String::new(),
                String::new(),
                "alias".to_owned(),
                String::new(),
                String::new(),
            ]);
        }
    }
    if all {
        let core = catalog::tasks().map(|spec| ("task", spec)).chain(catalog::triggers().map(|spec| ("trigger", spec)));
        for (kind, spec) in core {
            states.push(State::BuiltIn);
            table.push([spec.name, kind, "core", env!("CARGO_PKG_VERSION"), "built-in", "", ""].map(str::to_owned));
            for alias in former_types(spec.name) {
                states.push(State::BuiltIn);
                table.push([
                    format!("  {alias}"),
                    String::new(),
                    String::new(),
                    String::new(),
                    "alias".to_owned(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
    }
    let mut text = table.render(|row, column, cell| match (row, column) {
        (0, _) => palette.dim(cell).to_string(),
        (row, 4) => state(palette, states[row], cell),
        _ => cell,
    });
    text.push_str(&problems(palette, rows));
    text.push_str(&searched(palette, host));
    text
}

fn state(palette: Palette, state: State, cell: String) -> String {
    match state {
        State::BuiltIn | State::Ready | State::Loaded => palette.good(cell).to_string(),
        State::ActiveAfterRestart | State::GoneAfterRestart => palette.doubtful(cell).to_string(),
        State::Superseded => palette.dim(cell).to_string(),
        State::Conflict | State::Refused | State::Missing => palette.bad(cell).to_string(),
    }
}

fn isolation(row: &Status) -> String {
    let word = row.isolation.map(switchyard_registry::Isolation::as_str).unwrap_or_default();
    if row.quarantine.is_some() { format!("{word} (quarantine)") } else { word.to_owned() }
}

/// Why something is not used, and what should be looked at, each in its line.
fn problems(palette: Palette, rows: &[Status]) -> String {
    let mut lines = Vec::new();
    for row in rows {
        if row.state == State::GoneAfterRestart || row.state == State::ActiveAfterRestart && row.reason.is_some() {
            lines.push(format!("{} {}", palette.doubtful("!"), row.line()));
        } else if !row.state.is_usable() {
            let code = row.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
            let mark = if row.state == State::Superseded { palette.dim("-") } else { palette.bad("x") };
            lines.push(format!("{mark} {}{}", row.line(), palette.dim(code)));
        }
        let name = row.type_name.clone().or_else(|| row.file.as_ref().map(|file| file.display().to_string())).unwrap_or_default();
        lines.extend(row.warnings.iter().map(|warning| format!("{} {name}: {warning}", palette.doubtful("!"))));
    }
    for row in rows {
        if let (Some(plugin), Some(reason)) = (&row.plugin, &row.quarantine) {
            let help = format!("`switchyard plugins release {plugin}` ends this");
            lines.push(format!("{} {plugin} runs in a process of its own: {reason}; {help}", palette.doubtful("!")));
        }
    }
    // Several components of one file have the same warnings about the file.
    lines.dedup();
    if lines.is_empty() { String::new() } else { format!("\n{}\n", lines.join("\n")) }
}

fn searched(palette: Palette, host: &Host) -> String {
    let directories = host.registry.directories();
    let names: Vec<String> = directories.iter().map(|path| path.display().to_string()).collect();
    let names = if names.is_empty() { "no directory".to_owned() } else { names.join(", ") };
    format!("\n{}\n", palette.dim(format!("searched: {names}")))
}
