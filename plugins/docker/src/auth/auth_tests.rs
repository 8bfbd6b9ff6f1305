use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE};
use serde_json::{Value, json};

use super::resolve;
use crate::{properties::Properties, reference::Reference, surroundings::Surroundings};

async fn header(image: &str, properties: Value, around: &Surroundings) -> Result<Option<Value>, String> {
    let properties: Properties = serde_json::from_value(properties).unwrap();
    let auth = resolve(&Reference::parse(image).unwrap(), &properties, around).await.map_err(|e| e.to_string())?;
    Ok(auth.map(|a| serde_json::from_slice(&BASE64_URL_SAFE.decode(a.header()).unwrap()).unwrap()))
}

fn password(username: &str, password: &str, address: &str) -> Option<Value> {
    Some(json!({ "username": username, "password": password, "serveraddress": address }))
}

#[tokio::test]
async fn docker_d12_the_right_credentials_are_chosen() {
    let hub = "https://index.docker.io/v1/";
    // "u:p:q": the password may contain the colon.
    let auths = |key: &str| json!({ "config": { "auths": { key: { "auth": "dTpwOnE=" } } } });
    for (image, properties, expected) in [
        ("centos", json!({}), None),
        ("org/img", json!({ "credentials": { "username": "u", "password": "ü/+" } }), password("u", "ü/+", hub)),
        ("host:5000/img", json!({ "credentials": { "username": "u", "password": "p" } }), password("u", "p", "host:5000")),
        (
            "host:5000/img",
            json!({ "credentials": { "registry": "host:5000/", "username": "u", "password": "p" } }),
            password("u", "p", "host:5000"),
        ),
        ("host:5000/img", json!({ "credentials": { "registry": "other", "username": "u", "password": "p" } }), None),
        ("org/img", json!({ "credentials": { "registry": "https://registry-1.docker.io/v2", "auth": "dTpw" } }), password("u", "p", hub)),
        (
            "ghcr.io/a/b",
            json!({ "credentials": { "identityToken": "t" } }),
            Some(json!({ "identitytoken": "t", "serveraddress": "ghcr.io" })),
        ),
        (
            "ghcr.io/a/b",
            json!({ "credentials": { "registryToken": "t" } }),
            Some(json!({ "registrytoken": "t", "serveraddress": "ghcr.io" })),
        ),
        ("org/img", auths("https://index.docker.io/v1/"), password("u", "p:q", hub)),
        ("org/img", auths("index.docker.io"), password("u", "p:q", hub)),
        ("host:5000/img", auths("http://host:5000"), password("u", "p:q", "host:5000")),
        ("host:5000/img", auths("host"), None),
        ("h.io/ns/img", auths("h.io/ns"), password("u", "p:q", "h.io")),
        ("h.io/nsx/img", auths("h.io/ns"), None),
        (
            "ghcr.io/a",
            json!({ "config": "{\"auths\": {\"ghcr.io\": {\"username\": \"a\", \"password\": \"b\"}}}" }),
            password("a", "b", "ghcr.io"),
        ),
    ] {
        assert_eq!(header(image, properties.clone(), &Surroundings::default()).await, Ok(expected), "{image} {properties}");
    }
}

#[tokio::test]
async fn the_longest_key_wins_and_the_flow_comes_first() {
    let properties = json!({
        "credentials": { "registry": "ghcr.io", "username": "flow", "password": "p" },
        "config": { "auths": {
            "h.io": { "username": "host", "password": "p" },
            "h.io/ns": { "username": "ns", "password": "p" },
            "ghcr.io": { "username": "config", "password": "p" },
        } },
    });
    for (image, user) in [("h.io/x/i", "host"), ("h.io/ns/i", "ns"), ("ghcr.io/i", "flow")] {
        let found = header(image, properties.clone(), &Surroundings::default()).await.unwrap().unwrap();
        assert_eq!(found["username"], user, "{image}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_without_the_secret() {
    for (properties, expected) in [
        (json!({ "credentials": { "username": "u" } }), "username is set without password"),
        (json!({ "credentials": {} }), "it sets none of"),
        (json!({ "credentials": { "auth": "hunter2!" } }), "auth is not base64"),
        (json!({ "config": "{\"auths\": hunter2" }), "line 1"),
        (json!({ "config": { "auths": { "docker.io": { "auth": ["hunter2"] } } } }), "another type"),
    ] {
        let message = header("img", properties.clone(), &Surroundings::default()).await.unwrap_err();
        assert!(message.contains(expected) && !message.contains("hunter2"), "{properties}: {message}");
    }
}

#[tokio::test]
async fn docker_d13_helpers_are_asked() {
    let home = tempfile::tempdir().unwrap();
    let script = |name: &str, body: &str| {
        let path = home.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\nread -r host\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("word", r#"echo "{\"ServerURL\": \"$host\", \"Username\": \"u\", \"Secret\": \"for $host\"}""#);
    script("token", r#"echo '{"ServerURL": "x", "Username": "<token>", "Secret": "t"}'"#);
    script("none", "echo 'credentials not found in native keychain'; exit 1");
    script("broken", "echo 'the keychain is locked'; exit 1");
    let path = format!("{}:/usr/bin:/bin", home.path().display());
    let around = Surroundings { env: BTreeMap::from([("PATH".to_owned(), path)]), ..Surroundings::default() };
    for (config, expected) in [
        (json!({ "credHelpers": { "ghcr.io": "word" }, "credsStore": "broken" }), Ok(password("u", "for ghcr.io", "ghcr.io"))),
        (
            json!({ "auths": { "ghcr.io": {} }, "credsStore": "token" }),
            Ok(Some(json!({ "identitytoken": "t", "serveraddress": "ghcr.io" }))),
        ),
        (json!({ "credsStore": "none" }), Ok(None)),
        (json!({ "credHelpers": { "other.io": "broken" } }), Ok(None)),
        (json!({ "credsStore": "broken" }), Err("the keychain is locked")),
        (json!({ "credsStore": "absent" }), Err("it cannot be started")),
        (json!({ "credsStore": "../word" }), Err("contains a slash")),
    ] {
        let found = header("ghcr.io/a/b", json!({ "config": config }), &around).await;
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{config}"),
            Err(part) => assert!(found.as_ref().is_err_and(|m| m.contains(part)), "{config}: {found:?}"),
        }
    }
}
