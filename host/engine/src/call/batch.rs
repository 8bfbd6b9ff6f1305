//! The files of a ForEachItem: split into batches before, merged after. Spec 4.2.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value as Json;
use switchyard_expr::{Engine, Scope};
use switchyard_model::task::Batch;
use switchyard_plugin_api::Error;
use switchyard_store::storage::{self, Storage, StorageUri};

use crate::task::{number, unrendered};

/// How a file is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Rows(u64),
    /// So many files, rows dealt in turn.
    Partitions(usize),
    /// As many rows as fit.
    Bytes(u64),
}

/// Rendered, before a file is split.
pub struct Split {
    pub from: String,
    pub by: By,
    pub separator: String,
}

impl Split {
    pub fn render(items: &str, batch: &Batch, expr: &Engine, scope: &dyn Scope) -> Result<Self, Error> {
        let text = |template: &str, at: &str| expr.render(template, scope).map_err(|error| unrendered(&error).at(format!("/{at}")));
        let from = text(items, "items")?;
        let by = match (&batch.rows, &batch.partitions, &batch.bytes) {
            (_, _, Some(bytes)) => By::Bytes(size(&text(bytes, "batch/bytes")?)?),
            (_, Some(partitions), _) => By::Partitions(usize::try_from(number(expr, partitions, scope)?.max(1)).unwrap_or(usize::MAX)),
            (Some(rows), ..) => By::Rows(number(expr, rows, scope)?.max(1)),
            _ => By::Rows(1),
        };
        let separator = text(&batch.separator, "batch/separator")?;
        // YAML's single quotes keep the two characters.
        let separator = separator.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t");
        Ok(Self { from, by, separator: if separator.is_empty() { "\n".to_owned() } else { separator } })
    }

    /// Writes the batches below `into`; their URIs in order.
    pub async fn run(&self, storage: &Storage, into: &StorageUri) -> Result<Vec<String>, Error> {
        let from: StorageUri = self.from.trim().parse().map_err(|_| {
            Error::user("flow::invalid_property", format!("`items` is `{}`, which is no stored file", cut(&self.from)))
                .with_help("give the URI of a file of the internal storage, such as `{{ inputs.file }}` or `{{ outputs.x.uri }}`")
                .at("/items")
        })?;
        let mut stream = storage.open(&from).await.map_err(|error| unreadable(&from, &error))?;
        let mut writer = Writer { storage, into, by: self.by, uris: Vec::new(), open: BytesMut::new(), rows: 0, dealt: Vec::new() };
        let separator = self.separator.as_bytes();
        let mut rest = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let mut from_here = rest.len().saturating_sub(separator.len());
            rest.extend_from_slice(&chunk.map_err(|error| unreadable(&from, &error))?);
            while let Some(at) = memchr::memmem::find(&rest[from_here..], separator) {
                let row = rest.split_to(from_here + at + separator.len());
                from_here = 0;
                writer.row(&row).await?;
            }
        }
        if !rest.is_empty() {
            rest.extend_from_slice(separator);
            writer.row(&rest).await?;
        }
        writer.finish().await
    }
}

struct Writer<'a> {
    storage: &'a Storage,
    into: &'a StorageUri,
    by: By,
    uris: Vec<String>,
    open: BytesMut,
    rows: u64,
    /// The files of [`By::Partitions`].
    dealt: Vec<BytesMut>,
}

impl Writer<'_> {
    async fn row(&mut self, row: &[u8]) -> Result<(), Error> {
        match self.by {
            By::Partitions(most) => {
                let at = usize::try_from(self.rows).unwrap_or_default() % most;
                if self.dealt.len() <= at {
                    self.dealt.push(BytesMut::new());
                }
                self.dealt[at].extend_from_slice(row);
            }
            By::Rows(most) => {
                self.open.extend_from_slice(row);
                if (self.rows + 1).is_multiple_of(most) {
                    self.put().await?;
                }
            }
            By::Bytes(most) => {
                let full = !self.open.is_empty() && (self.open.len() + row.len()) as u64 > most;
                if full {
                    self.put().await?;
                }
                self.open.extend_from_slice(row);
            }
        }
        self.rows += 1;
        Ok(())
    }

    async fn put(&mut self) -> Result<(), Error> {
        let bytes = self.open.split().freeze();
        self.write(bytes).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let failed = |error: storage::Error| Error::environment(error.code(), format!("a batch cannot be stored: {error}"));
        let uri = self.into.join(&format!("batch-{}.txt", self.uris.len())).map_err(failed)?;
        self.storage.put(&uri, bytes).await.map_err(failed)?;
        self.uris.push(uri.to_string());
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<String>, Error> {
        for bytes in std::mem::take(&mut self.dealt) {
            self.write(bytes.freeze()).await?;
        }
        if !self.open.is_empty() {
            self.put().await?;
        }
        Ok(self.uris)
    }
}

/// The lines of a stored file; empty ones are left out.
pub async fn lines(storage: &Storage, uri: &str) -> Result<Vec<String>, Error> {
    let uri: StorageUri = uri.trim().parse().map_err(|error: storage::Error| Error::user(error.code(), error.to_string()))?;
    let bytes = storage.get(&uri).await.map_err(|error| unreadable(&uri, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
}

/// One JSON value per line.
pub async fn put_lines(storage: &Storage, uri: &StorageUri, values: &[Json]) -> Result<(), Error> {
    let mut text = String::new();
    for value in values {
        text.push_str(&value.to_string());
        text.push('\n');
    }
    put_text(storage, uri, text).await
}

pub async fn put_text(storage: &Storage, uri: &StorageUri, text: String) -> Result<(), Error> {
    let stored = storage.put(uri, Bytes::from(text)).await;
    stored.map_err(|error| Error::environment(error.code(), format!("{uri} cannot be stored: {error}")))
}

fn unreadable(uri: &StorageUri, error: &storage::Error) -> Error {
    Error::user(error.code(), format!("{uri} cannot be read: {error}"))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// `10MB`, `512`, `1.5 GiB`: powers of 1024.
fn size(text: &str) -> Result<u64, Error> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let unit = match text[end..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => Some(1_u64),
        "K" | "KB" | "KIB" => Some(1 << 10),
        "M" | "MB" | "MIB" => Some(1 << 20),
        "G" | "GB" | "GIB" => Some(1 << 30),
        "T" | "TB" | "TIB" => Some(1 << 40),
        _ => None,
    };
    let bytes = text[..end].parse::<f64>().ok().zip(unit).map(|(number, unit)| (number * unit as f64) as u64);
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        Error::user("flow::invalid_property", format!("`bytes` is `{text}`, which is no size"))
            .with_help("write for example 10MB")
            .at("/batch/bytes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn split(text: &str, by: By, separator: &str) -> Vec<String> {
        let storage = Storage::memory();
        let uri = StorageUri::from_path("a/file.txt").unwrap();
        storage.put(&uri, Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
        let split = Split { from: uri.to_string(), by, separator: separator.to_owned() };
        let uris = split.run(&storage, &StorageUri::from_path("a/out").unwrap()).await.unwrap();
        let mut all = Vec::new();
        for uri in uris {
            let bytes = storage.get(&uri.parse().unwrap()).await.unwrap();
            all.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        all
    }

    #[tokio::test]
    async fn files_are_split_by_rows_partitions_bytes_4_2() {
        for (text, by, separator, expected) in [
            ("a\nb\nc\n", By::Rows(1), "\n", vec!["a\n", "b\n", "c\n"]),
            ("a\nb\nc", By::Rows(2), "\n", vec!["a\nb\n", "c\n"]),
            ("a\nb\nc\nd\ne\n", By::Partitions(2), "\n", vec!["a\nc\ne\n", "b\nd\n"]),
            ("a\n", By::Partitions(3), "\n", vec!["a\n"]),
            ("aaa\nbbb\ncc\n", By::Bytes(8), "\n", vec!["aaa\nbbb\n", "cc\n"]),
            ("aaaaaaaaaaaa\nb\n", By::Bytes(4), "\n", vec!["aaaaaaaaaaaa\n", "b\n"]),
            ("a;;b;;", By::Rows(1), ";;", vec!["a;;", "b;;"]),
            ("", By::Rows(1), "\n", vec![]),
        ] {
            assert_eq!(split(text, by, separator).await, expected, "{text:?} {by:?}");
        }
    }

    #[test]
    fn sizes_4_2() {
        for (text, bytes) in
            [("512", Some(512)), ("10MB", Some(10 << 20)), ("1.5 KiB", Some(1536)), ("x", None), ("0", None), ("5XB", None)]
        {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }
}
