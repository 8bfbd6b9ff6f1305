//! Blobs of one container. Every request carries a shared access signature, so one way of signing serves the host and the nodes.

mod account;
mod list;
mod sas;

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Request, RequestBuilder, Response, StatusCode, header::HeaderMap};
use switchyard_cloud_api::{
    http::{self, Service},
    local,
};
use switchyard_plugin_api::{Context, Error, transfer::Wanted};

use super::{properties::BlobStorage, refusal};
use account::{Account, Right};

/// Code of what goes wrong with a file of the host.
pub const FILE: &str = "azure::file";
/// Files that are on their way at the same time.
const PARALLEL: usize = 8;
/// Rights of the host itself.
const ALL: &str = "rcwdl";
/// The host's own signature outlives every request.
const DAY: Duration = Duration::from_secs(24 * 3600);

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

fn encode(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// A container. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    account: Account,
    container: String,
}

impl Blobs {
    pub fn new(http: reqwest::Client, storage: &BlobStorage) -> Result<Self, Error> {
        let container = storage.container_name.clone().unwrap_or_default();
        Ok(Self(Arc::new(Inner { http, account: Account::of(storage)?, container })))
    }

    /// Address of a blob without a signature.
    pub fn address(&self, blob: &str) -> String {
        format!("{}/{}/{}", self.0.account.endpoint, self.0.container, encode(blob))
    }

    fn query(&self, blob: Option<&str>, rights: &str, lives: Duration) -> String {
        match &self.0.account.right {
            Right::Key(key) => sas::query(key, &self.0.account.name, &self.0.container, blob, rights, lives),
            Right::Signature(signature) => signature.clone(),
        }
    }

    /// Address with which a node may read one blob.
    pub fn readable(&self, blob: &str, lives: Duration) -> String {
        format!("{}?{}", self.address(blob), self.query(Some(blob), "r", lives))
    }

    /// Address with which a node may write into the container.
    pub fn writable(&self, lives: Duration) -> String {
        format!("{}/{}?{}", self.0.account.endpoint, self.0.container, self.query(None, "cw", lives))
    }

    fn own(&self, blob: &str) -> String {
        format!("{}?{}", self.address(blob), self.query(None, ALL, DAY))
    }

    async fn send(
        &self,
        what: &str,
        build: impl Fn(&reqwest::Client) -> Result<RequestBuilder, Error> + Send + Sync,
    ) -> Result<Response, Error> {
        http::send(self, &self.0.http, what, build).await
    }

    /// Uploads a file without holding it in memory.
    pub async fn upload(&self, blob: &str, path: &Path) -> Result<(), Error> {
        let url = self.own(blob);
        let build = |http: &reqwest::Client| {
            let unreadable = |error: std::io::Error| local::failed(FILE, "read", path, &error);
            let file = std::fs::File::open(path).map_err(unreadable)?;
            let length = file.metadata().map_err(unreadable)?.len();
            let body = reqwest::Body::from(tokio::fs::File::from_std(file));
            Ok(http.put(&url).header("x-ms-blob-type", "BlockBlob").header("content-length", length).body(body))
        };
        self.send(&format!("uploading {blob}"), build).await.map(drop)
    }

    /// An empty blob.
    pub async fn mark(&self, blob: &str) -> Result<(), Error> {
        let url = self.own(blob);
        let build = |http: &reqwest::Client| Ok(http.put(&url).header("x-ms-blob-type", "BlockBlob").header("content-length", 0));
        self.send(&format!("making {blob}"), build).await.map(drop)
    }

    /// Uploads files of a directory into a folder. Begins no more of them when the host asks for the end.
    pub async fn upload_all(&self, folder: &str, root: &Path, names: &[String], context: &Context) -> Result<(), Error> {
        let sent = stream::iter(names.to_vec())
            .take_until(context.cancelled())
            .map(|name| async move { self.upload(&format!("{folder}/{name}"), &root.join(&name)).await });
        sent.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
    }

    /// Names of all blobs below a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let (mut names, mut marker) = (Vec::new(), None);
        loop {
            let next = marker.as_deref().map(|marker: &str| format!("&marker={}", encode(marker))).unwrap_or_default();
            let (endpoint, container) = (&self.0.account.endpoint, &self.0.container);
            let url = format!(
                "{endpoint}/{container}?restype=container&comp=list&prefix={}{next}&{}",
                encode(folder),
                self.query(None, ALL, DAY)
            );
            let what = "listing the files in the storage";
            let response = self.send(what, |http| Ok(http.get(&url).timeout(http::SHORT))).await?;
            let text = response.text().await.map_err(|error| self.unreachable(what, &http::reason(&error)))?;
            let page = list::Page::of(&text);
            names.extend(page.names);
            marker = page.next;
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    /// Downloads the blobs of a folder that are wanted; answers whether there were any.
    pub async fn download_all(&self, folder: &str, root: &Path, wanted: &Wanted, context: &Context) -> Result<bool, Error> {
        let folder = format!("{folder}/");
        let blobs = self.list(&folder).await?;
        let any = !blobs.is_empty();
        let places = blobs.into_iter().filter_map(|blob| {
            let name = blob.strip_prefix(&folder).filter(|name| wanted.takes(name))?;
            let place = local::place(root, name, context)?;
            Some((blob, place))
        });
        let fetched = stream::iter(places).map(|(blob, path)| async move { self.download(&blob, &path).await });
        fetched.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
        Ok(any)
    }

    /// Whether the key may do all that a run does: makes a blob, finds it, and removes it.
    pub async fn try_out(&self) -> Result<(), Error> {
        let folder = format!("switchyard-health-{}", std::process::id());
        self.mark(&format!("{folder}/empty")).await?;
        self.remove(&folder).await
    }

    async fn download(&self, blob: &str, path: &Path) -> Result<(), Error> {
        let (url, what) = (self.own(blob), format!("downloading {blob}"));
        let response = self.send(&what, |http| Ok(http.get(&url))).await?;
        local::write(response, path, FILE, |why| self.unreachable(&what, why)).await
    }

    /// Removes a folder. What is gone is no error.
    pub async fn remove(&self, folder: &str) -> Result<(), Error> {
        let blobs = self.list(&format!("{folder}/")).await?;
        let removed = stream::iter(blobs).map(|blob| async move {
            let url = self.own(&blob);
            match self.send("removing a file from the storage", |http| Ok(http.delete(&url).timeout(http::SHORT))).await {
                Err(error) if !refusal::is_missing(&error) => Err(error),
                _ => Ok(()),
            }
        });
        removed.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
    }
}

impl Service for Blobs {
    /// The address is the signature.
    async fn sign(&self, request: Request, _: bool) -> Result<Request, Error> {
        Ok(request)
    }

    fn refused(&self, what: &str, status: StatusCode, headers: &HeaderMap, body: &str) -> Error {
        let error = refusal::refused(what, status, headers, body);
        if error.property.is_none() { error.at("/blobStorage") } else { error }
    }

    fn unreachable(&self, what: &str, why: &str) -> Error {
        super::api::unreachable(what, why)
    }

    fn unexpected(&self, what: &str, why: &str) -> Error {
        super::api::unexpected(what, why)
    }
}
