//! Engines that are not there.

use std::os::unix::net::UnixListener;

use serde_json::json;
use switchyard_plugin_api::ErrorKind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::setup::{Setup, runner};

async fn message(host: &str) -> String {
    let setup = Setup::new("true", json!({ "host": host }));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("docker::engine_unreachable", ErrorKind::Environment), "{error}");
    assert!(error.message.contains(host) && error.message.contains("property host"), "{error}");
    let health = runner().health(json!({ "host": host })).await.unwrap();
    assert!(!health.ok && health.message.contains(host), "{health:?}");
    error.message
}

#[tokio::test]
pub async fn docker_d28_each_endpoint_has_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("unix://{}", directory.path().join(name).display());
    assert!(message(&at("absent.sock")).await.contains("no such socket"));
    std::fs::write(directory.path().join("file.sock"), "").unwrap();
    assert!(message(&at("file.sock")).await.contains("not a socket"));
    drop(UnixListener::bind(directory.path().join("dead.sock")).unwrap());
    assert!(message(&at("dead.sock")).await.contains("no engine listens"));

    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(message(&format!("tcp://127.0.0.1:{port}")).await.contains("connection refused"));
}

#[tokio::test]
pub async fn docker_d28_an_engine_with_tls_is_recognised() {
    // What a TLS server of Go says to plain HTTP, and what others do.
    let answers: [&[u8]; 2] =
        [b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x16]];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
            }
        });
        let message = message(&host).await;
        assert!(message.contains("TLS"), "{message}");
        server.abort();
    }
}
