//! The pull secret that a pod brings along.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{error::Failure, properties::Credentials};

const HUB: &str = "https://index.docker.io/v1/";

/// The secret, without its owner.
pub fn document(name: &str, credentials: &Credentials, image: &str, labels: &BTreeMap<String, String>) -> Result<Value, Failure> {
    let registry = credentials.registry.as_deref().map(str::trim).filter(|r| !r.is_empty()).map_or_else(|| registry_of(image), server);
    let auth = match (&credentials.auth, &credentials.username, &credentials.password) {
        (Some(auth), ..) if !auth.trim().is_empty() => Some(auth.trim().to_owned()),
        (_, Some(user), Some(password)) => Some(STANDARD.encode(format!("{user}:{password}"))),
        _ => None,
    };
    let mut entry = Map::new();
    for (field, value) in
        [("username", &credentials.username), ("password", &credentials.password), ("identitytoken", &credentials.identity_token)]
    {
        if let Some(value) = value {
            entry.insert(field.to_owned(), value.clone().into());
        }
    }
    if let Some(auth) = auth {
        entry.insert("auth".to_owned(), auth.into());
    } else if !entry.contains_key("identitytoken") {
        let reason = "there is neither auth nor username and password".to_owned();
        return Err(Failure::InvalidCredentials { registry, reason });
    }
    let config = json!({ "auths": { registry: entry } });
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "labels": labels },
        "type": "kubernetes.io/dockerconfigjson",
        "data": { ".dockerconfigjson": STANDARD.encode(config.to_string()) },
    }))
}

/// Registry of an image: the first part of its name when that can only be a host.
fn registry_of(image: &str) -> String {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => server(host),
        _ => HUB.to_owned(),
    }
}

fn server(name: &str) -> String {
    match name.trim_end_matches('/') {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB.to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(credentials: Value, image: &str) -> Result<Value, Failure> {
        let credentials: Credentials = serde_json::from_value(credentials).unwrap();
        let secret = document("s", &credentials, image, &BTreeMap::new())?;
        let data = secret["data"][".dockerconfigjson"].as_str().unwrap();
        Ok(serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap())
    }

    #[test]
    fn kube_k7_the_pull_secret() {
        let user = json!({ "username": "u", "password": "p" });
        let entry = json!({ "username": "u", "password": "p", "auth": "dTpw" });
        for (image, registry) in [
            ("ghcr.io/org/img:1", "ghcr.io"),
            ("localhost:5000/img", "localhost:5000"),
            ("org/img", HUB),
            ("img", HUB),
            ("docker.io/org/img", HUB),
        ] {
            assert_eq!(config(user.clone(), image).unwrap(), json!({ "auths": { registry: entry } }), "{image}");
        }
        assert_eq!(
            config(json!({ "auth": "abc", "registry": "r.example" }), "x").unwrap(),
            json!({ "auths": { "r.example": { "auth": "abc" } } })
        );
        assert!(config(json!({ "username": "u" }), "ghcr.io/x").unwrap_err().to_string().starts_with("the credentials for ghcr.io"));
    }
}
