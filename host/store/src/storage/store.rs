//! Putting files into internal storage and getting them out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};

use super::error::file_error;
use super::{Error, Result, StorageUri, local};
use crate::workdir::{CapturedFile, WorkDir};

/// All stored files belong to it.
const TENANT: &str = "main";
/// One part of an upload to a bucket.
const PART: usize = 8 * 1024 * 1024;
/// Parts under way at the same time.
const PARTS: usize = 4;

/// Internal storage. Clones share it.
#[derive(Clone)]
pub struct Storage {
    place: Place,
}

#[derive(Clone)]
enum Place {
    /// A directory. Not left to the object store: files are moved and linked here instead of being copied, and keep the
    /// names that the user gave them, whatever characters they have.
    Directory(PathBuf),
    Bucket {
        store: Arc<dyn ObjectStore>,
        prefix: String,
    },
}

/// How a file may be put into storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is needed no more: it is moved where that is possible, and is gone afterwards.
    Move,
    /// It stays and will be changed by nobody: it shares its bytes where that is possible.
    Link,
    /// It stays and may be changed: its bytes are copied (shared by the file system where it can).
    Copy,
}

/// A stored file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub uri: StorageUri,
    pub size: u64,
}

impl Storage {
    /// Storage in a directory, which is created at the first write.
    pub fn local(root: impl Into<PathBuf>) -> Self {
        Self { place: Place::Directory(root.into().join(TENANT)) }
    }

    /// Storage at a URL: `file:///dir`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` with the options
    /// of that service (`region`, `access_key_id`, …).
    pub fn at(url: &str, options: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let refuse = |reason: String| Error::Url { url: url.to_owned(), reason };
        let parsed = url::Url::parse(url).map_err(|error| refuse(error.to_string()))?;
        if parsed.scheme() == "file" {
            let path = parsed.to_file_path().map_err(|()| refuse("it names no directory of this machine".to_owned()))?;
            return Ok(Self::local(path));
        }
        crate::tls::install();
        let (store, prefix) = object_store::parse_url_opts(&parsed, options).map_err(|error| refuse(error.to_string()))?;
        let prefix = match prefix.as_ref() {
            "" => TENANT.to_owned(),
            prefix => format!("{prefix}/{TENANT}"),
        };
        Ok(Self { place: Place::Bucket { store: Arc::from(store), prefix } })
    }

    /// Storage that is forgotten with the process; for tests and dry runs.
    pub fn memory() -> Self {
        Self { place: Place::Bucket { store: Arc::new(object_store::memory::InMemory::new()), prefix: TENANT.to_owned() } }
    }

    /// Where a URI lies on the local disk, if it lies there.
    pub fn local_path(&self, uri: &StorageUri) -> Option<PathBuf> {
        self.at_uri(uri).err()
    }

    /// Stores bytes.
    pub async fn put(&self, uri: &StorageUri, bytes: Bytes) -> Result<()> {
        match self.at_uri(uri) {
            Ok((store, key)) => store.put(&key, PutPayload::from_bytes(bytes)).await.map(drop).map_err(|error| Error::store(uri, error)),
            Err(target) => blocking(move || local::write(&target, |new| std::fs::write(new, &bytes))).await,
        }
    }

    /// Stores bytes unless there is a file already; `false` when there is. Of several callers only one succeeds.
    pub async fn create(&self, uri: &StorageUri, bytes: Bytes) -> Result<bool> {
        match self.at_uri(uri) {
            Ok((store, key)) => match store.put_opts(&key, PutPayload::from_bytes(bytes), PutMode::Create.into()).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(Error::store(uri, error)),
            },
            Err(target) => blocking(move || local::create(&target, &bytes)).await,
        }
    }

    /// When a file was stored.
    pub async fn modified(&self, uri: &StorageUri) -> Result<SystemTime> {
        match self.at_uri(uri) {
            Ok((store, key)) => Ok(store.head(&key).await.map_err(|error| Error::store(uri, error))?.last_modified.into()),
            Err(path) => local::modified(uri, &path),
        }
    }

    /// Stores a file. Names that the user chose belong to [`put_captured`](Self::put_captured).
    pub async fn put_file(&self, uri: &StorageUri, path: &Path, source: Source) -> Result<()> {
        let path = path.to_path_buf();
        if let Some(target) = self.local_path(uri) {
            return blocking(move || local::put(&target, &path, source)).await;
        }
        let failed = |source| file_error(&path, source);
        let file = File::open(&path).map_err(failed)?;
        self.upload(uri, file, &path).await?;
        if source == Source::Move {
            std::fs::remove_file(&path).map_err(failed)?;
        }
        Ok(())
    }

    /// Stores an output file of a task: moved out of the working directory, or copied and left there.
    pub async fn put_captured(&self, uri: &StorageUri, directory: &WorkDir, file: &CapturedFile, source: Source) -> Result<()> {
        let (directory, name) = (directory.clone(), file.name.clone());
        let path = directory.path().join(&name);
        if let Some(target) = self.local_path(uri) {
            return blocking(move || {
                local::make_parent(&target)?;
                if source == Source::Move && directory.take(&name, &target)? {
                    return Ok(());
                }
                let opened = directory.open(&name)?;
                local::write(&target, |new| local::copy(&opened, new))
            })
            .await;
        }
        let opened = directory.open(&name)?;
        self.upload(uri, opened, &path).await
    }

    async fn upload(&self, uri: &StorageUri, file: File, path: &Path) -> Result<()> {
        use tokio::io::AsyncReadExt;
        let failed = |error| Error::store(uri, error);
        let Ok((store, key)) = self.at_uri(uri) else {
            return Err(Error::Closing);
        };
        let read_failed = |error| file_error(path, error);
        let size = file.metadata().map_err(read_failed)?.len();
        let mut file = tokio::fs::File::from_std(file);
        if size <= PART as u64 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).await.map_err(read_failed)?;
            store.put(&key, bytes.into()).await.map_err(failed)?;
            return Ok(());
        }
        let upload = store.put_multipart(&key).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; PART];
        loop {
            let count = match file.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    // The error of the file is the one to tell.
                    let _ = upload.abort().await;
                    return Err(read_failed(error));
                }
            };
            upload.wait_for_capacity(PARTS).await.map_err(failed)?;
            upload.write(&buffer[..count]);
        }
        upload.finish().await.map(drop).map_err(failed)
    }

    /// Writes a stored file's bytes into `target`, an open and empty file (see [`WorkDir::new_file`]).
    pub async fn get_to_file(&self, uri: &StorageUri, target: File) -> Result<u64> {
        if let Some(path) = self.local_path(uri) {
            let uri = uri.clone();
            return blocking(move || {
                let stored = local::open(&uri, &path)?;
                local::share_or_copy(&stored, &target).map_err(|error| file_error(&path, error))
            })
            .await;
        }
        use tokio::io::AsyncWriteExt;
        let mut target = tokio::fs::File::from_std(target);
        let mut stream = self.open(uri).await?;
        let mut size = 0;
        let failed = |error| file_error(Path::new(uri.file_name()), error);
        while let Some(bytes) = stream.try_next().await? {
            size += bytes.len() as u64;
            target.write_all(&bytes).await.map_err(failed)?;
        }
        target.flush().await.map_err(failed)?;
        Ok(size)
    }

    /// The bytes as they come.
    pub async fn open(&self, uri: &StorageUri) -> Result<BoxStream<'static, Result<Bytes>>> {
        let uri = uri.clone();
        match self.at_uri(&uri) {
            Ok((store, key)) => {
                let found = store.get(&key).await.map_err(|error| Error::store(&uri, error))?;
                Ok(found.into_stream().map_err(move |error| Error::store(&uri, error)).boxed())
            }
            Err(path) => {
                let file = blocking(move || local::open(&uri, &path)).await?;
                Ok(local::stream(file).boxed())
            }
        }
    }

    /// All bytes at once; for small files.
    pub async fn get(&self, uri: &StorageUri) -> Result<Bytes> {
        match self.at_uri(uri) {
            Ok((store, key)) => {
                let failed = |error| Error::store(uri, error);
                let found = store.get(&key).await.map_err(failed)?;
                found.bytes().await.map_err(failed)
            }
            Err(path) => {
                let uri = uri.clone();
                blocking(move || local::read(&uri, &path)).await
            }
        }
    }

    pub async fn exists(&self, uri: &StorageUri) -> Result<bool> {
        match self.size(uri).await {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn size(&self, uri: &StorageUri) -> Result<u64> {
        match self.at_uri(uri) {
            Ok((store, key)) => {
                let found = store.head(&key).await;
                Ok(found.map_err(|error| Error::store(uri, error))?.size)
            }
            Err(path) => local::size(uri, &path),
        }
    }

    /// Deletes a file; `false` when there was none.
    pub async fn delete(&self, uri: &StorageUri) -> Result<bool> {
        match self.at_uri(uri) {
            // Buckets do not tell whether there was anything to delete.
            Ok((store, key)) => match store.head(&key).await {
                Ok(_) => store.delete(&key).await.map(|()| true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
            .map_err(|error| Error::store(uri, error)),
            Err(path) => local::delete(&path),
        }
    }

    /// Every file below a URI taken as a directory, by name.
    pub async fn list(&self, directory: &StorageUri) -> Result<Vec<Stored>> {
        let mut files = match self.at_uri(directory) {
            Ok((store, key)) => self.list_bucket(store, &key, directory).await?,
            Err(path) => {
                let directory = directory.clone();
                blocking(move || local::list(&directory, &path)).await?
            }
        };
        files.sort_by(|a, b| a.uri.cmp(&b.uri));
        Ok(files)
    }

    async fn list_bucket(&self, store: &dyn ObjectStore, key: &Key, directory: &StorageUri) -> Result<Vec<Stored>> {
        store
            .list(Some(key))
            .map_err(|error| Error::store(directory, error))
            .try_filter_map(|found| {
                let names = found.location.prefix_match(key).map(|parts| {
                    // Keys keep some characters percent-encoded.
                    let names = parts.map(|part| percent_encoding::percent_decode_str(part.as_ref()).decode_utf8_lossy().into_owned());
                    names.collect::<Vec<_>>().join("/")
                });
                let stored = names.map(|names| directory.join(&names).map(|uri| Stored { uri, size: found.size }));
                std::future::ready(stored.transpose())
            })
            .try_collect()
            .await
    }

    /// Deletes every file below a URI taken as a directory; gives how many there were.
    pub async fn delete_below(&self, directory: &StorageUri) -> Result<usize> {
        let files = self.list(directory).await?;
        match self.at_uri(directory) {
            Ok((store, _)) => {
                let keys = files.iter().filter_map(|file| Some(self.at_uri(&file.uri).ok()?.1));
                let keys: Vec<_> = keys.map(Ok).collect();
                store
                    .delete_stream(futures_util::stream::iter(keys).boxed())
                    .map_err(|error| Error::store(directory, error))
                    .try_for_each(|_| std::future::ready(Ok(())))
                    .await?;
            }
            Err(path) => blocking(move || local::delete_tree(&path)).await?,
        }
        Ok(files.len())
    }

    /// The bucket and the key in it, or the path of a local file.
    fn at_uri(&self, uri: &StorageUri) -> std::result::Result<(&dyn ObjectStore, Key), PathBuf> {
        match &self.place {
            Place::Directory(root) => Err(root.join(uri.key())),
            Place::Bucket { store, prefix } => {
                let key = Key::from_iter(prefix.split('/').chain(uri.key().split('/')));
                Ok((&**store, key))
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Closing))
}
