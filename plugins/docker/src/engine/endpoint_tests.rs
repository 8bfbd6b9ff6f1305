use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Endpoint, candidates};
use crate::surroundings::Surroundings;

fn around(env: &[(&str, &str)]) -> Surroundings {
    let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Surroundings { env, uid: 1000, gids: vec![1000] }
}

#[test]
fn docker_d28_endpoints() {
    for (text, expected) in [
        ("unix:///var/run/docker.sock", Some("unix:///var/run/docker.sock")),
        ("/run/x.sock", Some("unix:///run/x.sock")),
        ("tcp://engine:2375", Some("tcp://engine:2375")),
        ("http://engine", Some("tcp://engine:2375")),
        ("tcp://[::1]:99/", Some("tcp://[::1]:99")),
        ("unix://relative.sock", None),
        ("https://engine:2376", Some("https://engine:2376")),
        ("https://engine", Some("https://engine:2376")),
        ("npipe:////./pipe/docker_engine", None),
        ("ssh://me@engine:22", Some("ssh://me@engine:22")),
        ("ssh://me:secret@engine", None),
        ("gopher://engine", None),
        ("engine:2375", None),
        ("tcp://", None),
    ] {
        assert_eq!(Endpoint::parse(text).ok().map(|e| e.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn docker_d28_the_first_explicit_choice_is_the_only_one() {
    let home = tempfile::tempdir().unwrap();
    let docker = home.path().join(".docker");
    let hash: String = Sha256::digest(b"lab").iter().map(|b| format!("{b:02x}")).collect();
    let meta = docker.join("contexts/meta").join(hash);
    std::fs::create_dir_all(&meta).unwrap();
    std::fs::write(docker.join("config.json"), r#"{"currentContext": "lab"}"#).unwrap();
    std::fs::write(meta.join("meta.json"), r#"{"Name": "lab", "Endpoints": {"docker": {"Host": "tcp://lab:2375"}}}"#).unwrap();
    let home = home.path().to_str().unwrap();
    let elsewhere = ("DOCKER_CONFIG", "/nonexistent");
    for (host, env, expected) in [
        (Some("tcp://prop:1"), vec![("DOCKER_HOST", "tcp://env:2")], vec![("tcp://prop:1", "property host")]),
        (None, vec![("DOCKER_HOST", "tcp://env:2"), ("HOME", home)], vec![("tcp://env:2", "DOCKER_HOST")]),
        (None, vec![("HOME", home)], vec![("tcp://lab:2375", "context lab of the Docker client configuration")]),
        (None, vec![("HOME", home), ("DOCKER_CONTEXT", "lab")], vec![("tcp://lab:2375", "context lab of DOCKER_CONTEXT")]),
        (
            None,
            vec![("HOME", home), ("DOCKER_CONTEXT", "default")],
            vec![("unix:///var/run/docker.sock", "default"), ("unix:///run/docker.sock", "default")],
        ),
        (
            None,
            vec![("DOCKER_HOST", "tcp://env"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")],
            vec![("https://env:2376", "DOCKER_HOST")],
        ),
        (None, vec![elsewhere], vec![("unix:///var/run/docker.sock", "default"), ("unix:///run/docker.sock", "default")]),
    ] {
        let found = candidates(host, &around(&env)).unwrap();
        let found: Vec<(String, String)> = found.into_iter().take(2).map(|c| (c.endpoint.to_string(), c.source)).collect();
        let expected: Vec<(String, String)> = expected.iter().map(|(e, s)| ((*e).to_owned(), (*s).to_owned())).collect();
        assert_eq!(found, expected, "{host:?} {env:?}");
    }
}

#[test]
fn docker_d28_sockets_of_the_field_in_order() {
    let found =
        candidates(None, &around(&[("HOME", "/home/u"), ("XDG_RUNTIME_DIR", "/run/user/1000"), ("DOCKER_CONFIG", "/none")])).unwrap();
    let list: Vec<String> = found.iter().map(|c| format!("{} ({})", c.endpoint, c.source)).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
    unix:///var/run/docker.sock (default)
    unix:///run/docker.sock (default)
    unix:///run/user/1000/docker.sock (rootless Docker)
    unix:///home/u/.docker/run/docker.sock (Docker Desktop)
    unix:///home/u/.docker/desktop/docker.sock (Docker Desktop)
    unix:///home/u/.colima/default/docker.sock (Colima)
    unix:///home/u/.orbstack/run/docker.sock (OrbStack)
    unix:///home/u/.rd/docker.sock (Rancher Desktop)
    unix:///home/u/.lima/docker/sock/docker.sock (Lima)
    unix:///run/user/1000/podman/podman.sock (rootless Podman)
    unix:///run/podman/podman.sock (Podman)
    unix:///home/u/.local/share/containers/podman/machine/podman.sock (Podman machine)
    unix:///dind/docker.sock (Docker in Docker)
    ");
}
