//! `plugins docs`: pages that hold together and load nothing from elsewhere.

use std::{collections::BTreeSet, fs};

use crate::support::Home;

#[test]
fn the_reference_is_complete_and_needs_no_network() {
    let home = Home::new(&["scripts", "docker"]);
    let ran = home.run(&["plugins", "docs", "--out", "reference"]);
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
    let folder = home.folder.path().join("reference");
    let files: BTreeSet<String> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["index.html", "style.css", "script.js", "search.js", "flow.schema.json"] {
        assert!(files.contains(name), "{name} is missing");
    }
    let docker = fs::read_to_string(folder.join("io.kestra.plugin.scripts.runner.docker.Docker.html")).unwrap();
    for part in [
        "id=\"cpu.cpus\"",
        "io.kestra.core.models.script.types.<wbr>DockerTaskRunner".replace('.', ".<wbr>").replace("<wbr><wbr>", "<wbr>").as_str(),
        "Default <code>true</code>",
        "data:image/svg+xml;base64,",
        "Found again after a restart",
        "<span class=\"badge\">secret</span>",
        "<figure>",
    ] {
        assert!(docker.contains(part), "{part} is not on Docker's page");
    }
    let index = fs::read_to_string(folder.join("search.js")).unwrap();
    for name in files.iter().filter(|name| name.ends_with(".html")) {
        let page = fs::read_to_string(folder.join(name)).unwrap();
        assert!(page.contains("<html lang=\"en\">") && page.contains("<main id=\"main\">") && page.contains("for=\"search\""), "{name}");
        assert!(name == "index.html" || index.contains(&format!("\"file\":\"{name}\"")), "the search does not know {name}");
        for (attribute, target) in links(&page) {
            let loads = attribute == "src" || page.contains(&format!("<link rel=\"stylesheet\" href=\"{target}\""));
            let outside = target.contains("://");
            assert!(!(loads && outside), "{name} loads {target}");
            let file = target.split('#').next().unwrap();
            assert!(outside || file.is_empty() || file.starts_with("data:") || files.contains(file), "{name} leads to {target}");
        }
    }
}

/// Attribute and target of everything that a page leads to or loads.
fn links(page: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for attribute in ["href", "src"] {
        let mark = format!(" {attribute}=\"");
        found.extend(page.split(&mark).skip(1).filter_map(|rest| Some((attribute, rest.split_once('"')?.0.to_owned()))));
    }
    found
}
