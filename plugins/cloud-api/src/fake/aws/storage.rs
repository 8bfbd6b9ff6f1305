//! S3, by path.

use super::Aws;
use crate::fake::http::{Answer, Request};

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>as S3 says it</Message></Error>");
    Answer { status, body: body.into_bytes(), headers: Vec::new() }
}

fn xml(text: String) -> Answer {
    Answer { status: 200, body: text.into_bytes(), headers: vec![("etag", "\"e\"".into())] }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

const LAST_MODIFIED: (&str, &str) = ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");

impl Aws {
    pub(super) fn storage(&self, _: &str, request: &Request) -> Answer {
        let path = percent_encoding::percent_decode_str(request.path.trim_start_matches('/')).decode_utf8_lossy().into_owned();
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let mut state = self.state();
        if !state.buckets.contains(bucket) {
            return error(404, "NoSuchBucket");
        }
        let full = format!("{bucket}/{key}");
        let flag = |name: &str| request.query(name).is_some();
        match (request.method.as_str(), key) {
            ("GET", "") => {
                let prefix = request.query("prefix").unwrap_or_default();
                let after = request.query("continuation-token").unwrap_or_default().to_owned();
                let names =
                    state.objects.keys().map(|name| &name[bucket.len() + 1..]).filter(|name| name.starts_with(prefix) && **name > *after);
                let names: Vec<String> = names.take(1001).map(str::to_owned).collect();
                let contents: String = names
                    .iter()
                    .take(1000)
                    .map(|name| {
                        let name = escape(name);
                        format!("<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"e\"</ETag><Size>1</Size></Contents>")
                    })
                    .collect();
                let more = match names.get(999) {
                    Some(last) if names.len() > 1000 => {
                        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", escape(last))
                    }
                    _ => "<IsTruncated>false</IsTruncated>".to_owned(),
                };
                xml(format!("<ListBucketResult>{more}{contents}</ListBucketResult>"))
            }
            ("POST", "") if flag("delete") || request.path.ends_with(bucket) => {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                let keys: Vec<String> = body.split("<Key>").skip(1).map(|rest| unescape(rest.split("</Key>").next().unwrap())).collect();
                assert!(keys.len() <= 1000, "at most a thousand keys");
                let mut deleted = String::new();
                for key in keys {
                    state.objects.remove(&format!("{bucket}/{key}"));
                    deleted.push_str(&format!("<Deleted><Key>{}</Key></Deleted>", escape(&key)));
                }
                xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            ("POST", _) if flag("uploadId") => {
                let Some(parts) = state.uploads.remove(&full) else { return error(404, "NoSuchUpload") };
                state.objects.insert(full, parts.into_values().flatten().collect());
                xml("<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>".to_owned())
            }
            ("POST", _) => {
                state.uploads.insert(full, Default::default());
                xml("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>".to_owned())
            }
            ("PUT", _) => {
                match request.query("partNumber") {
                    Some(number) => drop(state.uploads.get_mut(&full).unwrap().insert(number.parse().unwrap(), request.body.clone())),
                    None => drop(state.objects.insert(full, request.body.clone())),
                }
                xml(String::new())
            }
            ("GET", _) => match state.objects.get(&full) {
                Some(content) => {
                    let headers = vec![("etag", "\"e\"".to_owned()), (LAST_MODIFIED.0, LAST_MODIFIED.1.to_owned())];
                    Answer { status: 200, body: content.clone(), headers }
                }
                None => error(404, "NoSuchKey"),
            },
            _ => error(400, "NotImplemented"),
        }
    }
}
