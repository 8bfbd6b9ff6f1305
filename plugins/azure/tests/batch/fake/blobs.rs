//! The container of the storage account.

use switchyard_cloud_api::fake::http::{Answer, Request};

use super::{Azure, CONTAINER, STORAGE, empty, signature};

/// Blobs of a page of a list.
const PAGE: usize = 100;

fn refuse(status: u16, code: &str, message: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer { status, body: body.into_bytes(), ..Answer::default() }
}

impl Azure {
    pub(super) fn blob_api(&self, request: &Request) -> Answer {
        let path = percent_encoding::percent_decode_str(&request.path).decode_utf8_lossy().into_owned();
        let Some(rest) = path.strip_prefix(&format!("/{STORAGE}/{CONTAINER}")) else {
            return refuse(404, "ContainerNotFound", "no such container");
        };
        let blob = rest.strip_prefix('/');
        let right = match request.method.as_str() {
            "PUT" => 'w',
            "GET" if blob.is_none() => 'l',
            "GET" => 'r',
            "DELETE" => 'd',
            _ => return refuse(405, "UnsupportedHttpVerb", "not understood"),
        };
        if let Err(reason) = signature::allows(&request.query, blob, right) {
            return refuse(403, "AuthenticationFailed", &reason);
        }
        match (request.method.as_str(), blob) {
            ("PUT", Some(blob)) if request.header("x-ms-blob-type") == Some("BlockBlob") => {
                self.state().blobs.insert(blob.to_owned(), request.body.clone());
                empty(201)
            }
            ("GET", None) => self.list(request.query("prefix").unwrap_or_default(), request.query("marker").unwrap_or_default()),
            ("GET", Some(blob)) => match self.state().blobs.get(blob) {
                Some(content) => Answer::bytes(content.clone()),
                None => refuse(404, "BlobNotFound", "no such blob"),
            },
            ("DELETE", Some(blob)) => match self.state().blobs.remove(blob) {
                Some(_) => empty(202),
                None => refuse(404, "BlobNotFound", "no such blob"),
            },
            _ => refuse(400, "InvalidHeaderValue", "no blob type"),
        }
    }

    fn list(&self, prefix: &str, marker: &str) -> Answer {
        let state = self.state();
        let escape = |name: &str| name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut names = state.blobs.keys().filter(|name| name.starts_with(prefix) && name.as_str() >= marker);
        let page: String = names.by_ref().take(PAGE).map(|name| format!("<Blob><Name>{}</Name></Blob>", escape(name))).collect();
        let next = names.next().map(|name| escape(name)).unwrap_or_default();
        let text =
            format!("<?xml version=\"1.0\"?><EnumerationResults><Blobs>{page}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        Answer::bytes(text.into_bytes())
    }
}
