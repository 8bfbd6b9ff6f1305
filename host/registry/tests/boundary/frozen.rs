//! The promise of `plugin-api/docs/compatibility.md`: a plugin as it was written for 1.0, built against the API of today and against one
//! that is a minor version ahead, loads and works in hosts of both.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use switchyard_registry::State;

use crate::host::Host;

const API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-api");
const LOCK: &str = include_str!("../../../../Cargo.lock");
const PLUGIN: &str = include_str!("frozen/plugin.rs");
const HOST: &str = include_str!("frozen/host.rs");

/// What the next minor version may bring: a field of a document, an event, a service. Never a change of the layout: a host whose root
/// module has one function more refuses every older plugin.
const AHEAD: &[(&str, &str, &str)] = &[
    ("Cargo.toml", "version = \"1.0.0\"", "version = \"1.1.0\""),
    ("src/capabilities.rs", "    pub preview: bool,\n", "    pub preview: bool,\n    /// New in 1.1.\n    pub tomorrow: bool,\n"),
    (
        "src/context.rs",
        "        self.0.notify(Event::Phase { phase });\n",
        "        self.0.notify(Event::Phase { phase });\n        self.0.notify(Event::Tomorrow { number: 1 });\n",
    ),
    (
        "src/event.rs",
        "    /// How far the current phase is.\n    Progress(Progress),",
        "    /// New in 1.1.\n    Tomorrow {\n        /// A number.\n        number: u32,\n    },\n    /// How far the current phase is.\n    Progress(Progress),",
    ),
    ("src/outcome.rs", "    pub detached: bool,\n}", "    pub detached: bool,\n    /// New in 1.1.\n    pub tomorrow: u32,\n}"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("variants")
}

fn write_new(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The API a minor version ahead.
fn ahead() -> PathBuf {
    let folder = root().join("api_ahead");
    copy(Path::new(API), &folder, "");
    folder
}

fn copy(from: &Path, to: &Path, below: &str) {
    for entry in fs::read_dir(from.join(below)).unwrap().map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            if name != "tests" {
                copy(from, to, &format!("{name}/"));
            }
            continue;
        }
        let mut text = fs::read_to_string(entry.path()).unwrap();
        for (_, old, new) in AHEAD.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(old), "{name} no longer has {old:?}");
            text = text.replacen(old, new, 1);
        }
        write_new(&to.join(&name), &text);
    }
}

/// Builds plugin and host against one API; answers their files.
fn build(name: &str, api: &Path) -> (PathBuf, PathBuf) {
    let folder = root().join(name);
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\npath = \"plugin.rs\"\ncrate-type = [\"cdylib\"]\n\n\
         [[bin]]\nname = \"{name}_host\"\npath = \"host.rs\"\n\n[dependencies]\nlibloading = \"0.9\"\nschemars = \"1\"\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\nswitchyard-plugin-api = {{ path = {:?} }}\n\
         tokio = {{ version = \"1\", features = [\"rt-multi-thread\"] }}\n\n[profile.dev]\ndebug = false\n\n[workspace]\n",
        api.display().to_string()
    );
    write_new(&folder.join("Cargo.toml"), &manifest);
    write_new(&folder.join("plugin.rs"), PLUGIN);
    write_new(&folder.join("host.rs"), HOST);
    if !folder.join("Cargo.lock").exists() {
        fs::write(folder.join("Cargo.lock"), LOCK).unwrap();
    }
    let target = root().join("target");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--offline", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap();
    assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
    (target.join(format!("debug/lib{name}.so")), target.join(format!("debug/{name}_host")))
}

/// What a host makes of a plugin, without what only the newer of both knows.
fn answers(host: &Path, plugin: &Path) -> Value {
    let output = Command::new(host).arg(plugin).output().unwrap();
    assert!(output.status.success(), "{}: {}", host.display(), String::from_utf8_lossy(&output.stderr));
    let mut answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    strip(&mut answers);
    answers
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // What a later version adds to the outcome, apart from the detail that the plugin itself gives.
            map.retain(|key, value| key != "tomorrow" || value.is_string());
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(|text| text.starts_with("Tomorrow")));
            items.iter_mut().for_each(strip);
        }
        _ => {}
    }
}

#[test]
fn mismatch_a_frozen_plugin_works_in_hosts_of_both_versions() {
    let (plugin, host) = build("frozen_today", Path::new(API));
    let (newer_plugin, newer_host) = build("frozen_ahead", &ahead());
    let expected = answers(&host, &plugin);
    assert!(expected.get("refused").is_none(), "{expected}");
    assert_eq!(expected["answers"]["ran"]["exitCode"], 3);
    assert_eq!(expected["answers"]["ran"]["details"]["tomorrow"], "host::unknown_service");
    assert_eq!(expected["answers"]["killed"]["reason"], "killed");
    assert_eq!(expected["answers"]["attached"]["outcome"]["details"]["key"], "k");
    assert_eq!(expected["problems"][0]["property"], "/word");
    assert!(expected["answers"]["log"].to_string().contains("checkpoint"), "{expected}");
    for (which, host, plugin) in [
        ("a newer host, this plugin", &newer_host, &plugin),
        ("this host, a newer plugin", &host, &newer_plugin),
        ("both newer", &newer_host, &newer_plugin),
    ] {
        assert_eq!(answers(host, plugin), expected, "{which}");
    }

    // The registry takes both, and says of the one that it is newer.
    let place = Host::new().with("today.so", &plugin).with("ahead.so", &newer_plugin);
    let registry = place.open();
    for (name, newer) in [("today.so", false), ("ahead.so", true)] {
        let rows = place.rows(&registry, name);
        assert_eq!(rows.len(), 2, "{name}: {rows:?}");
        for row in rows {
            // Two files bring the same types in the same version, which is a conflict of this test alone.
            assert!(matches!(row.state, State::Ready | State::Conflict), "{name}: {row:?}");
            assert_eq!(row.warnings.iter().any(|warning| warning.contains("newer than this host's")), newer, "{name}: {row:?}");
        }
    }
}
