//! A plugin built by another compiler than the host's loads and runs.
//!
//! `SWITCHYARD_COMPILERS` holds the paths of other `rustc`s, separated by colons.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::host::{Host, RUNNER};

fn build(rustc: &Path, version: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../compilers").join(version);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(variable);
    }
    let built = command
        .args(["build", "--quiet", "--locked", "-p", "switchyard-plugin-misbehave", "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .env("RUSTC", rustc)
        .output()
        .unwrap();
    assert!(built.status.success(), "rustc {version}: {}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/libswitchyard_plugin_misbehave.so")
}

fn version(rustc: &Path) -> String {
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().nth(1).unwrap_or_else(|| panic!("{} does not say its version", rustc.display())).to_owned()
}

#[test]
fn compilers_2() {
    let Ok(list) = std::env::var("SWITCHYARD_COMPILERS") else {
        assert!(std::env::var_os("CI").is_none(), "SWITCHYARD_COMPILERS names no compilers; `cargo xtask test` sets it");
        eprintln!("no other compilers: run `cargo xtask test`, which gets them");
        return;
    };
    for rustc in list.split(':').filter(|path| !path.is_empty()).map(Path::new) {
        let version = version(rustc);
        let host = Host::new().with("m.so", &build(rustc, &version));
        let registry = host.open();
        let header = registry.check(&host.file("m.so")).into_iter().find(|gate| gate.name == "header").unwrap();
        assert!(header.detail.contains(&format!("built with rustc {version}")), "{header:?}");
        drop(registry);

        let ended = host.call(RUNNER, "run", json!({ "crime": "spawn-process" }));
        assert_eq!((ended.alive, ended.ok.as_ref().map(|ok| ok["exitCode"].clone())), (true, Some(json!(0))), "{version}: {ended:?}");
        for (method, crime) in [("run", "panic-in-run"), ("validate", "panic-in-validate"), ("run", "panic-in-drop")] {
            let ended = host.call(RUNNER, method, json!({ "crime": crime }));
            assert_eq!((ended.alive, ended.error_code()), (true, "plugin::panic"), "{version}, {crime}: {ended:?}");
        }
        let ended = host.call(RUNNER, "run", json!({ "crime": "trace" }));
        assert!(ended.stderr.contains("INFO plugin::misbehave: an event of the plugin"), "{version}: {ended:?}");
    }
}
