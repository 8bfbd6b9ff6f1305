//! A registry with one image, which counts, waits and refuses on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::setup::{IMAGE, docker};

/// How the registry answers a request for a manifest.
#[derive(Clone)]
pub enum Mood {
    /// With the manifest.
    Friendly,
    /// With this status, so many times, then with the manifest.
    Failing(u16, &'static str, u32),
    /// With the manifest for this user only.
    Private(&'static str),
}

pub struct Registry {
    pub address: String,
    pub digest: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

struct Inner {
    mood: Mood,
    manifest: Vec<u8>,
    digest: String,
    blobs: HashMap<String, Vec<u8>>,
    manifests_asked: AtomicU32,
    /// Layers are sent once this is true.
    open: watch::Sender<bool>,
    asked_for_layer: watch::Sender<bool>,
    layer: String,
    paths: Mutex<Vec<String>>,
}

/// Podman has to be told which registries speak plain HTTP, so its tests take one of the ports that it knows.
async fn listener() -> TcpListener {
    if !crate::setup::is_podman() {
        return TcpListener::bind("127.0.0.1:0").await.unwrap();
    }
    for port in PODMAN_PORTS {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return listener;
        }
    }
    panic!("no free port for a registry");
}

/// The same in `xtask/src/podman.rs`.
const PODMAN_PORTS: std::ops::Range<u16> = 5811..5831;

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

impl Registry {
    pub async fn start(mood: Mood) -> Self {
        let listener = listener().await;
        let address = listener.local_addr().unwrap().to_string();
        // The layer differs from registry to registry, so that the engine never has it already.
        let container = docker(&["create", IMAGE]);
        let output = crate::setup::client().args(["export", container.trim()]).output().unwrap();
        docker(&["rm", container.trim()]);
        let mut layer = tar::Builder::new(Vec::new());
        let mut archive = tar::Archive::new(output.stdout.as_slice());
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            // The applets' links are enough of `/bin`, and they are small.
            layer.append(&entry.header().clone(), entry).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(address.len() as u64);
        header.set_mode(0o644);
        layer.append_data(&mut header, "registry", address.as_bytes()).unwrap();
        let layer = layer.into_inner().unwrap();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Env": ["PATH=/bin"] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        })
        .to_string()
        .into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": digest(&config) },
            "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": layer.len(), "digest": digest(&layer) }],
        })
        .to_string()
        .into_bytes();
        let inner = Arc::new(Inner {
            mood,
            digest: digest(&manifest),
            manifest,
            layer: digest(&layer),
            blobs: HashMap::from([(digest(&config), config), (digest(&layer), layer)]),
            manifests_asked: AtomicU32::new(0),
            open: watch::Sender::new(true),
            asked_for_layer: watch::Sender::new(false),
            paths: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, inner.clone()));
        Self { digest: inner.digest.clone(), address, inner, server }
    }

    /// Makes layers wait until [`Registry::open`].
    pub fn close(&self) {
        self.inner.open.send_replace(false);
    }

    pub fn open(&self) {
        self.inner.open.send_replace(true);
    }

    /// Resolves when the engine has asked for the layer.
    pub async fn asked_for_layer(&self) {
        self.inner.asked_for_layer.subscribe().wait_for(|asked| *asked).await.unwrap();
    }

    /// Requests for manifests, however they were answered.
    pub fn asked(&self) -> u32 {
        self.inner.manifests_asked.load(Ordering::SeqCst)
    }

    /// What was asked for behind `manifests/`.
    pub fn references(&self) -> Vec<String> {
        let paths = self.inner.paths.lock().unwrap();
        paths.iter().filter_map(|p| p.split_once("/manifests/").map(|(_, r)| r.to_owned())).collect()
    }

    pub fn image(&self) -> String {
        format!("{}/team/tool:1", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
        for reference in [self.image(), format!("{}/team/tool", self.address), format!("{}/team/tool@{}", self.address, self.digest)] {
            // Not every test pulls every name.
            let _ = crate::setup::client().args(["rmi", "-f", &reference]).output();
        }
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, inner.clone()));
    }
}

async fn connection(mut stream: TcpStream, inner: Arc<Inner>) {
    let mut buffer = Vec::new();
    loop {
        while !buffer.windows(4).any(|w| w == b"\r\n\r\n") {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => buffer.extend_from_slice(&chunk[..read]),
            }
            if !buffer.starts_with(b"GET ") && !buffer.starts_with(b"HEAD ") {
                // The engine tries TLS first; an answer in plain text makes it try HTTP.
                let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent a TLS request to an HTTP server").await;
                return;
            }
        }
        let head = String::from_utf8_lossy(&buffer).into_owned();
        buffer.clear();
        let answer = inner.answer(&head).await;
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

impl Inner {
    async fn answer(&self, head: &str) -> Vec<u8> {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let header = |name: &str| {
            let lower = head.to_ascii_lowercase();
            let start = lower.find(&format!("\r\n{name}: "))? + name.len() + 4;
            head[start..].lines().next().map(str::to_owned)
        };
        let send = |status: &str, kind: &str, extra: &str, content: &[u8]| {
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{extra}\r\n", content.len());
            let body = if method == "HEAD" { &[] } else { content };
            [head.as_bytes(), body].concat()
        };
        let refuse = |status: u16, code: &str| {
            let body = json!({ "errors": [{ "code": code, "message": code.to_ascii_lowercase() }] }).to_string();
            send(&format!("{status} No"), "application/json", "", body.as_bytes())
        };
        if let Mood::Private(user) = self.mood
            && header("authorization").is_none_or(|a| a != format!("Basic {user}"))
        {
            let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "authentication required" }] }).to_string();
            return send("401 Unauthorized", "application/json", "Www-Authenticate: Basic realm=\"test\"\r\n", body.as_bytes());
        }
        if path == "/v2/" {
            return send("200 OK", "application/json", "Docker-Distribution-Api-Version: registry/2.0\r\n", b"{}");
        }
        self.paths.lock().unwrap().push(path.to_owned());
        if path.contains("/manifests/") {
            let asked = self.manifests_asked.fetch_add(1, Ordering::SeqCst);
            if let Mood::Failing(status, code, times) = self.mood
                && asked < times
            {
                return refuse(status, code);
            }
            let extra = format!("Docker-Content-Digest: {}\r\n", self.digest);
            return send("200 OK", "application/vnd.docker.distribution.manifest.v2+json", &extra, &self.manifest);
        }
        let Some(blob) = path.rsplit('/').next().and_then(|digest| self.blobs.get_key_value(digest)) else {
            return refuse(404, "BLOB_UNKNOWN");
        };
        if *blob.0 == self.layer {
            self.asked_for_layer.send_replace(true);
            let _ = self.open.subscribe().wait_for(|open| *open).await;
        }
        send("200 OK", "application/octet-stream", "", blob.1)
    }
}
