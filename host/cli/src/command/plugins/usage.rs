//! `switchyard plugins usage`: what each plugin of a server costs.

use switchyard_registry::Usage;
use switchyard_server::control::{Answer, Request};

use crate::{
    arguments::{DataDir, Format, Globals},
    command::{
        print, print_json,
        server::{ask, broken, client, directory},
    },
    exit::Exit,
    failure::Failure,
    screen::{Screen, Table},
};

pub fn run(globals: &Globals, output: Format, data: &DataDir) -> Result<Exit, Failure> {
    let Answer::Usage { plugins } = ask(&client(&directory(globals, data)?)?, &Request::Usage)? else {
        return Err(broken(&std::io::ErrorKind::InvalidData.into()));
    };
    if output == Format::Json {
        print_json(&plugins)?;
        return Ok(Exit::Success);
    }
    if plugins.is_empty() {
        print(b"no library is open: each is opened by the first task that needs it\n")?;
        return Ok(Exit::Success);
    }
    let palette = Screen::stdout(globals.color).palette;
    let mut table = Table::new([
        "PLUGIN",
        "ISOLATION",
        "RUNNING",
        "CALLS",
        "IN CALLS",
        "LONGEST",
        "ERRORS",
        "THREADS",
        "TLS",
        "CPU",
        "MEMORY",
        "FILES",
        "PID",
    ]);
    plugins.iter().for_each(|usage| table.push(row(usage)));
    let mut text = table.render(|row, _, cell| if row == 0 { palette.dim(cell).to_string() } else { cell });
    for usage in &plugins {
        let trouble = usage.trouble.iter().map(|trouble| format!("{} {}: {trouble}\n", palette.doubtful("!"), usage.plugin));
        text.extend(trouble);
        let errors: Vec<String> = usage.errors.iter().map(|(code, count)| format!("{code} {count}")).collect();
        if !errors.is_empty() {
            text.push_str(&format!("  {} errors: {}\n", usage.plugin, errors.join(", ")));
        }
    }
    print(text.as_bytes())?;
    Ok(Exit::Success)
}

fn row(usage: &Usage) -> [String; 13] {
    let millis = |micros: u64| format!("{}.{} ms", micros / 1000, micros / 100 % 10);
    let optional = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    [
        format!("{} {}", usage.plugin, usage.version),
        usage.isolation.as_str().to_owned(),
        usage.running.to_string(),
        usage.calls.to_string(),
        millis(usage.busy_micros),
        millis(usage.longest_micros),
        usage.errors.values().sum::<u64>().to_string(),
        usage.threads.to_string(),
        format!("{} B{}", usage.thread_local, if usage.static_tls { " static" } else { "" }),
        format!("{} ms", usage.cpu_millis),
        usage.memory_kib.map(|kib| format!("{} MiB", kib / 1024)).unwrap_or_default(),
        optional(usage.open_files.map(|count| count as u64)),
        optional(usage.pid.map(u64::from)),
    ]
}
