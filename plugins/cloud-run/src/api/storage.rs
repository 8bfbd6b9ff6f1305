//! Objects in the bucket.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;
use switchyard_plugin_api::Error;

use super::{Client, is_missing};

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encode(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

impl Client {
    pub async fn upload(&self, bucket: &str, object: &str, content: Vec<u8>) -> Result<(), Error> {
        let url = format!("{}/upload/storage/v1/b/{}/o?uploadType=media&name={}", self.0.storage, encode(bucket), encode(object));
        let content: bytes::Bytes = content.into();
        let what = format!("uploading {object}");
        let build = |http: &reqwest::Client| http.post(&url).header("content-type", "application/octet-stream").body(content.clone());
        self.send(&what, build).await.map(drop)
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
            match answer["nextPageToken"].as_str() {
                Some(token) => page = format!("&pageToken={}", encode(token)),
                None => return Ok(names),
            }
        }
    }

    pub async fn download(&self, bucket: &str, object: &str) -> Result<Vec<u8>, Error> {
        let url = format!("{}/storage/v1/b/{}/o/{}?alt=media", self.0.storage, encode(bucket), encode(object));
        let what = format!("downloading {object}");
        let response = self.send(&what, |http| http.get(&url)).await?;
        let bytes = response.bytes().await;
        bytes.map(|bytes| bytes.to_vec()).map_err(|error| Error::environment("cloud_run::unreachable", format!("while {what}: {error}")))
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
