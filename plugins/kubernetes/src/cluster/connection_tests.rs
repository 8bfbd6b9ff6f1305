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
        assert_eq!(pem::text(Some(value), "caCertData").unwrap().as_deref(), Some(PEM), "{value}");
    }
    assert_eq!(pem::text(Some(" "), "caCertData").unwrap(), None);
    for (value, reason) in [
        ("not base64!", "it is neither PEM nor base64"),
        ("aGVsbG8=", "its base64 does not contain PEM"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "the key is encrypted: set clientKeyPassphrase"),
    ] {
        let failure = pem::text(Some(value), "clientKeyData")
            .and_then(|text| text.map(|text| pem::key(text, None, "clientKeyData")).transpose())
            .unwrap_err();
        assert_eq!(failure.to_string(), format!("clientKeyData of the connection cannot be used: {reason}"));
    }
}

#[tokio::test]
async fn kube_k32_what_cannot_be_read_names_the_field() {
    for (json, property) in [
        (json!({ "masterUrl": "https://h:6443", "caCert": "xxx" }), "/config/caCertData"),
        (json!({ "masterUrl": "https://h:6443", "trustStoreFile": "/no/such/file" }), "/config/trustStoreFile"),
        (json!({ "keyStoreFile": "/no/such/file" }), "/config/keyStoreFile"),
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

/// In a folder: a certificate with its key, the key with a passphrase, and PKCS#12 files of both kinds.
fn stores() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=test",
        "openssl pkcs8 -topk8 -in key.pem -out locked.pem -passout pass:open",
        "openssl pkcs12 -export -in cert.pem -inkey key.pem -out own.p12 -passout pass:open",
        "openssl pkcs12 -export -nokeys -in cert.pem -out trusted.p12 -passout pass:open",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let output = std::process::Command::new(words[0]).args(&words[1..]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::write(folder.path().join("old.jks"), [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]).unwrap();
    folder
}

#[test]
fn tool_kube_k32_keys_with_a_passphrase_and_stores_are_read() {
    let folder = stores();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let der = |text: &str, kind: &str| pem::blocks(text, kind, "").unwrap();
    let (key, certificate) = (der(&read("key.pem"), "PRIVATE KEY"), der(&read("cert.pem"), "CERTIFICATE"));
    for (json, has_key, has_authority) in [
        (json!({ "clientKeyData": read("locked.pem"), "clientKeyPassphrase": "open" }), true, false),
        (json!({ "clientKeyFile": file("locked.pem"), "clientKeyPassphrase": "open" }), true, false),
        (json!({ "keyStoreFile": file("own.p12"), "keyStorePassphrase": "open" }), true, false),
        (json!({ "trustStoreFile": file("trusted.p12"), "trustStorePassphrase": "open" }), false, true),
        (json!({ "trustStoreFile": file("own.p12"), "trustStorePassphrase": "open", "caCertData": read("cert.pem") }), false, true),
    ] {
        let alone = config(json.clone()).alone().unwrap();
        let auth = alone.auth_infos[0].auth_info.clone().unwrap();
        let plain = |data: String| String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
        let found =
            serde_json::to_value(&auth).unwrap()["client-key-data"].as_str().map(|data| der(&plain(data.to_owned()), "PRIVATE KEY"));
        assert_eq!(found, has_key.then(|| key.clone()), "{json}");
        let authority = alone.clusters[0].cluster.clone().unwrap().certificate_authority_data;
        assert_eq!(
            authority.map(|data| der(&plain(data), "CERTIFICATE")[0].clone()),
            has_authority.then(|| certificate[0].clone()),
            "{json}"
        );
    }
    for (json, property, reason) in [
        (json!({ "clientKeyData": read("locked.pem"), "clientKeyPassphrase": "wrong" }), "clientKeyPassphrase", "cannot be decrypted"),
        (json!({ "clientKeyFile": file("locked.pem") }), "clientKeyFile", "set clientKeyPassphrase"),
        (json!({ "keyStoreFile": file("own.p12"), "keyStorePassphrase": "wrong" }), "keyStoreFile", "passphrase is wrong"),
        (json!({ "keyStoreFile": file("trusted.p12"), "keyStorePassphrase": "open" }), "keyStoreFile", "no key"),
        (json!({ "keyStoreFile": file("old.jks") }), "keyStoreFile", "keytool -importkeystore"),
        (json!({ "trustStoreFile": file("absent.p12") }), "trustStoreFile", "absent.p12"),
    ] {
        let failure = config(json.clone()).alone().unwrap_err();
        assert!(failure.to_string().starts_with(property) && failure.to_string().contains(reason), "{json}: {failure}");
    }
}

#[test]
fn kube_k32_a_pod_knows_its_cluster() {
    let account = tempfile::tempdir().unwrap();
    let surroundings = |host: Option<&str>, port: Option<&str>| Surroundings {
        host: host.map(str::to_owned),
        port: port.map(str::to_owned),
        account: account.path().to_owned(),
    };
    assert_eq!(surroundings(None, None).config().unwrap_err(), "KUBERNETES_SERVICE_HOST is not set");
    assert!(surroundings(Some("10.96.0.1"), None).config().unwrap_err().contains("token: No such file"));
    std::fs::write(account.path().join("token"), "t").unwrap();
    std::fs::write(account.path().join("ca.crt"), PEM).unwrap();
    for (host, port, url) in [
        ("10.96.0.1", Some("6443"), "https://10.96.0.1:6443/"),
        ("10.96.0.1", None, "https://10.96.0.1/"),
        ("fd00::1", Some("6443"), "https://[fd00::1]:6443/"),
    ] {
        let config = surroundings(Some(host), port).config().unwrap();
        assert_eq!(config.cluster_url.to_string().replace(":443/", "/"), url);
        assert_eq!(config.auth_info.token_file, Some(account.path().join("token").display().to_string()));
    }
}
