use serde_json::json;

use super::*;

fn config(json: Value) -> Config {
    serde_json::from_value(json).unwrap()
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[test]
fn kube_k32_old_and_new_spellings_are_one() {
    for (old, new) in
        [("caCert", "caCertData"), ("clientCert", "clientCertData"), ("clientKey", "clientKeyData"), ("oAuthToken", "oauthToken")]
    {
        let (old, new) = (config(json!({ old: "v" })), config(json!({ new: "v" })));
        assert_eq!(format!("{old:?}"), format!("{new:?}"));
    }
}

#[test]
fn kube_k32_pem_may_be_raw_or_base64() {
    let encoded = STANDARD.encode(PEM);
    let folded = format!("{}\n  {}\n", &encoded[..20], &encoded[20..]);
    for value in [PEM, &encoded, &folded] {
        assert_eq!(pem(Some(value), "caCertData").unwrap().as_deref(), Some(encoded.as_str()), "{value}");
    }
    assert_eq!(pem(Some(" "), "caCertData").unwrap(), None);
    for (value, reason) in [
        ("not base64!", "it is neither PEM nor base64"),
        ("aGVsbG8=", "its base64 does not contain PEM"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "the key is encrypted; decrypt it first: openssl pkey -in KEY -out PLAIN"),
    ] {
        let failure = pem(Some(value), "clientKeyData").unwrap_err();
        assert_eq!(failure.to_string(), format!("clientKeyData of the connection cannot be used: {reason}"));
    }
}

#[tokio::test]
async fn kube_k32_what_cannot_be_read_names_the_field() {
    for (json, property) in [
        (json!({ "masterUrl": "https://h:6443", "caCert": "xxx" }), "/config/caCertData"),
        (json!({ "masterUrl": "https://h:6443", "trustStoreFile": "/a.jks" }), "/config/trustStoreFile"),
        (json!({ "keyStoreFile": "/a.jks" }), "/config/keyStoreFile"),
        (json!({ "oauthTokenProvider": {} }), "/config/oauthTokenProvider"),
        (json!({ "kubeconfig": "/no/such/file" }), "/config/kubeconfig"),
        (json!({ "masterUrl": "h", "exec": { "command": 3 } }), "/config/exec"),
    ] {
        let Err(failure) = Connection::of(Some(&config(json.clone()))).connect().await else { panic!("{json} connects") };
        assert_eq!(switchyard_plugin_api::Error::from(failure).property.as_deref(), Some(property), "{json}");
    }
}

#[tokio::test]
async fn kube_k32_explicit_configuration_starts_blank() {
    let (read, source) = Connection::of(Some(&config(
        json!({ "username": "docker-desktop", "masterUrl": "docker-for-desktop:6443", "oAuthToken": " t \n" }),
    )))
    .client_config()
    .await
    .unwrap();
    assert_eq!((read.cluster_url.to_string().as_str(), source), ("https://docker-for-desktop:6443/", "config"));
    assert!(read.auth_info.token.is_some() && read.auth_info.username.is_none() && read.root_cert.is_none());
}

#[tokio::test]
async fn kube_k32_a_kubeconfig_may_be_text_or_a_map() {
    let document = json!({
        "clusters": [{ "name": "c", "cluster": { "server": "https://one:1" } }, { "name": "d", "cluster": { "server": "https://two:2" } }],
        "users": [{ "name": "u", "user": { "token": "t" } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }, { "name": "y", "context": { "cluster": "d", "user": "u" } }],
        "current-context": "x",
    });
    for (kubeconfig, context, server) in [
        (document.clone(), None, "https://one:1/"),
        (json!(document.to_string()), None, "https://one:1/"),
        (document.clone(), Some("y"), "https://two:2/"),
    ] {
        let (read, _) =
            Connection::of(Some(&config(json!({ "kubeconfig": kubeconfig, "context": context })))).client_config().await.unwrap();
        assert_eq!(read.cluster_url.to_string(), server);
    }
}

#[test]
fn limits_alone_are_no_connection() {
    for (json, says) in [
        (json!({}), false),
        (json!({ "maxConcurrentRequests": 3, "namespace": "n", "apiVersion": "v1" }), false),
        (json!({ "masterUrl": "https://h" }), true),
        (json!({ "username": "u" }), true),
        (json!({ "inheritClusterConfig": true }), true),
    ] {
        assert_eq!(config(json.clone()).says_where(), says, "{json}");
    }
    let identity = |json: Value| Connection::of(Some(&config(json))).identity();
    assert_ne!(identity(json!({ "oauthToken": "a" })), identity(json!({ "oauthToken": "b" })));
    assert_eq!(identity(json!({ "oauthToken": "a" })), identity(json!({ "oAuthToken": "a" })));
}
