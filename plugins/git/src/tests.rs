//! What git is asked to do for every property, and what is refused before.

use std::path::Path;

use serde_json::{Value, json};

use crate::{access::Access, order, plugin, properties::Properties};

fn properties(mut json: Value) -> Properties {
    if json.get("url").is_none() {
        json["url"] = "https://host/r.git".into();
    }
    serde_json::from_value(json).unwrap()
}

#[test]
fn orders_for_every_property() {
    let mut table = String::new();
    for written in [
        json!({}),
        json!({"branch": "dev", "depth": 3}),
        json!({"branch": "dev", "cloneAllBranches": false, "noTags": true}),
        json!({"tag": "v1", "branch": "dev", "depth": 3, "cloneSubmodules": true}),
        json!({"commit": "abc123", "tag": "v1"}),
        json!({"cloneSubmodules": true}),
        json!({"gitConfig": {"core.autocrlf": "false", "http.postBuffer": 1}}),
    ] {
        let shown = written.to_string();
        let properties = properties(written);
        let tree = Path::new("/wd");
        let mut steps = vec![order::clone(&properties, &properties.url, tree, false)];
        if properties.detached() {
            steps.push(order::checkout(&properties, tree));
        }
        let lines: Vec<String> = steps.iter().map(|argv| argv.join(" ")).collect();
        table.push_str(&format!("{shown}\n  {}\n", lines.join("\n  ")));
    }
    let occupied = properties(json!({}));
    table.push_str(&format!("occupied\n  {}\n", order::clone(&occupied, "u", Path::new("/beside"), true).join(" ")));
    table.push_str(&format!("  {}\n", order::checkout(&occupied, Path::new("/wd")).join(" ")));
    insta::assert_snapshot!(table);
}

/// The environment without the name of the private directory.
fn environment(json: Value) -> Vec<String> {
    let access = Access::prepare(&properties(json), Path::new("/wd")).unwrap();
    let folder = access.folder.path().display().to_string();
    access.env.iter().map(|(name, value)| format!("{name}={}", value.replace(&folder, "PRIVATE"))).collect()
}

#[test]
fn environments() {
    let mut table = String::new();
    for written in [
        json!({}),
        json!({"username": "me", "password": "s3cret", "trustedCaPemPath": "/ca.pem", "noProxy": true, "readTimeout": 1500}),
        json!({"url": "https://me:p%40ss@host:8443/r.git"}),
        json!({"password": "token-alone"}),
        json!({"url": "git@host:r", "privateKey": "KEY", "passphrase": "phrase", "knownHosts": "host ssh-ed25519 AAAA", "connectTimeout": 2000}),
        json!({"url": "git@host:r", "strictHostKeyChecking": false}),
    ] {
        table.push_str(&format!("{written}\n  {}\n", environment(written.clone()).join("\n  ")));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn secrets_are_in_no_argument() {
    let properties = properties(
        json!({"url": "https://me:hidden1@host/r.git", "password": "hidden2", "privateKey": "hidden3", "passphrase": "hidden4"}),
    );
    let access = Access::prepare(&properties, Path::new("/wd")).unwrap();
    let argv = order::clone(&properties, &access.url, Path::new("/wd"), false).join(" ");
    assert!(!argv.contains("hidden"), "{argv}");
    assert!(argv.contains("https://host/r.git"), "{argv}");
    let ssh = access.env.iter().find(|(name, _)| name == "GIT_SSH_COMMAND").unwrap();
    assert!(!ssh.1.contains("hidden"), "{ssh:?}");
}

#[test]
fn what_is_refused_before_anything_runs() {
    for (written, property) in [
        (json!({"url": ""}), "/url"),
        (json!({"url": "--upload-pack=x"}), "/url"),
        (json!({"commit": "main"}), "/commit"),
        (json!({"commit": "abc"}), "/commit"),
        (json!({"branch": "--upload-pack=x"}), "/branch"),
        (json!({"tag": "a b"}), "/tag"),
        (json!({"tag": "v1", "noTags": true}), "/noTags"),
        (json!({"cloneAllBranches": false}), "/cloneAllBranches"),
        (json!({"directory": "../x"}), "/directory"),
        (json!({"gitConfig": {"core.sshCommand": "x"}}), "/gitConfig/core.sshCommand"),
    ] {
        let problems = properties(written.clone()).problems();
        assert_eq!(problems.iter().map(|problem| problem.property.as_str()).collect::<Vec<_>>(), [property], "{written}");
    }
    for written in [
        json!({}),
        json!({"commit": "{{ inputs.commit }}", "directory": "{{ x }}/../y"}),
        json!({"commit": "0123abcd"}),
        json!({"tag": ""}),
    ] {
        assert!(properties(written.clone()).problems().is_empty(), "{written}");
    }
}

#[test]
fn the_description_is_complete() {
    let component = &plugin().manifest().components[0];
    assert!(component.description.docs.contains("knownHosts") && component.description.icon.is_some());
    assert_eq!(component.schema["additionalProperties"], json!(false));
    assert_eq!(component.schema["required"], json!(["url"]));
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert!(!component.planned);
}
