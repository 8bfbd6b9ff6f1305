//! Objects in the bucket.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;
use switchyard_plugin_api::Error;

use super::{Client, is_missing};
use crate::{http::Service, local};

/// Code of what goes wrong with a file of the host.
pub(super) const FILE: &str = "google::file";

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn encode(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

impl Client {
    /// An empty object.
    pub async fn mark(&self, bucket: &str, object: &str) -> Result<(), Error> {
        let url = self.object_upload(bucket, object);
        let what = format!("making {object}");
        let build =
            |http: &reqwest::Client| Ok(http.post(&url).header("content-type", "application/octet-stream").header("content-length", 0));
        self.send(&what, build).await.map(drop)
    }

    /// Uploads a file without holding it in memory.
    pub async fn upload(&self, bucket: &str, object: &str, path: &Path) -> Result<(), Error> {
        let url = self.object_upload(bucket, object);
        let what = format!("uploading {object}");
        let build = |http: &reqwest::Client| {
            let unreadable = |error: std::io::Error| local::failed(FILE, "read", path, &error);
            let file = std::fs::File::open(path).map_err(unreadable)?;
            let length = file.metadata().map_err(unreadable)?.len();
            let body = reqwest::Body::from(tokio::fs::File::from_std(file));
            Ok(http.post(&url).header("content-type", "application/octet-stream").header("content-length", length).body(body))
        };
        self.send(&what, build).await.map(drop)
    }

    fn object_upload(&self, bucket: &str, object: &str) -> String {
        format!("{}/upload/storage/v1/b/{}/o?uploadType=media&name={}", self.0.storage, encode(bucket), encode(object))
    }

    /// Names of all objects below a folder.
    pub async fn objects(&self, bucket: &str, folder: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let mut page = String::new();
        loop {
            let url = format!("{}/storage/v1/b/{}/o?prefix={}{page}", self.0.storage, encode(bucket), encode(folder));
            let answer = self.json("listing the files in the bucket", Method::GET, &url, None).await?;
            let items = answer["items"].as_array().into_iter().flatten();
            names.extend(items.filter_map(|item| item["name"].as_str()).map(str::to_owned));
            match answer["nextPageToken"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => page = format!("&pageToken={}", encode(token)),
                None => return Ok(names),
            }
        }
    }

    /// Downloads an object into a file.
    pub async fn download(&self, bucket: &str, object: &str, path: &Path) -> Result<(), Error> {
        let url = format!("{}/storage/v1/b/{}/o/{}?alt=media", self.0.storage, encode(bucket), encode(object));
        let what = format!("downloading {object}");
        let response = self.send(&what, |http| Ok(http.get(&url))).await?;
        local::write(response, path, FILE, |why| self.unreachable(&what, why)).await
    }

    /// One that is gone is no error.
    pub async fn delete_object(&self, bucket: &str, object: &str) -> Result<(), Error> {
        let url = format!("{}/storage/v1/b/{}/o/{}", self.0.storage, encode(bucket), encode(object));
        match self.json("removing a file from the bucket", Method::DELETE, &url, None).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    pub async fn bucket_exists(&self, bucket: &str) -> Result<(), Error> {
        let url = format!("{}/storage/v1/b/{}", self.0.storage, encode(bucket));
        self.json("looking at the bucket", Method::GET, &url, None).await.map(|_: Value| ())
    }
}
