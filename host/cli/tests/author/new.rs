//! `plugins new` without building what it writes.

use std::{fs, path::Path};

use crate::support::Home;

#[test]
fn a_new_crate_is_complete_and_stands_alone() {
    let home = Home::new(&[]);
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-api").canonicalize().unwrap();
    let api = api.to_str().unwrap();
    for (folder, arguments, dependency) in [
        ("bundled", vec!["--api", "bundled"], "{ path = \"vendor/switchyard-plugin-api\" }".to_owned()),
        ("path", vec!["--api", api], format!("{{ path = {api:?} }}")),
        ("version", vec!["--api", "1.0"], "\"1.0\"".to_owned()),
    ] {
        let ran = home.run(&[&["plugins", "new", "my-runner", "--dir", folder], &arguments[..]].concat());
        assert_eq!(ran.code(), 0, "{folder}: {}", ran.stderr());
        let read =
            |name: &str| fs::read_to_string(home.folder.path().join(folder).join(name)).unwrap_or_else(|e| panic!("{folder}/{name}: {e}"));
        let manifest = read("Cargo.toml");
        assert!(manifest.contains(&format!("switchyard-plugin-api = {dependency}\n")), "{folder}: {manifest}");
        assert!(manifest.contains("\n[workspace]\n"), "{folder}");
        for name in ["README.md", ".gitignore", ".github/workflows/ci.yml", "src/docs.md", "src/icon.svg", "tests/conformance.rs"] {
            assert!(!read(name).is_empty(), "{folder}/{name}");
        }
        assert!(read("examples/my-runner.yaml").starts_with("# yaml-language-server: $schema="), "{folder}");
        assert!(read("src/runner.rs").contains("org.example.runner.MyRunner"), "{folder}");
        assert_eq!(home.folder.path().join(folder).join("vendor").exists(), folder == "bundled", "{folder}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_with_a_remedy() {
    let home = Home::new(&[]);
    home.file("taken", "");
    fs::create_dir(home.folder.path().join("full")).unwrap();
    home.file("full/file", "");
    for (arguments, code) in [
        (&["Upper"][..], "cli::invalid_name"),
        (&["good", "--type", "Unqualified"], "cli::invalid_name"),
        (&["good", "--api", "./nowhere"], "cli::no_api"),
        (&["good", "--api", "latest"], "cli::no_api"),
        (&["full"], "cli::exists"),
        (&["good", "--dir", "taken/below"], "cli::unwritable"),
    ] {
        let ran = home.run(&[&["plugins", "new"], arguments].concat());
        assert_eq!(ran.code(), 2, "{arguments:?}: {}", ran.stdout());
        assert!(ran.stderr().contains(code) && ran.stderr().contains("help:"), "{arguments:?}: {}", ran.stderr());
    }
}
