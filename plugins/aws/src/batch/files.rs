//! Files between the host's working directory and the bucket.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart, aws::AmazonS3, path::Path as Key};
use switchyard_cloud_api::{local, name};
use switchyard_plugin_api::{
    Context, Error, Files, Level,
    transfer::{self, Moved, Wanted},
};
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use crate::api::of_storage;

/// Keeps the output directory in a bucket, which knows no empty folders.
pub const MARK: &str = ".switchyard-folder";
/// Files that move at a time.
const AT_ONCE: usize = 16;
/// Larger ones travel in parts.
const PART: usize = 8 << 20;

/// A task's folder in a bucket.
pub struct Folder {
    store: AmazonS3,
    bucket: String,
    folder: String,
}

/// Code of errors of the host's files.
const FILE: &str = "aws_batch::file";

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    local::failed(FILE, doing, path, error)
}

impl Folder {
    pub fn new(store: AmazonS3, bucket: &str, files: &Files) -> Self {
        Self { store, bucket: bucket.to_owned(), folder: name::folder(files) }
    }

    fn wrong(&self, what: &str) -> impl Fn(object_store::Error) -> Error {
        let (what, bucket) = (what.to_owned(), self.bucket.clone());
        move |error| of_storage(&what, &bucket, error)
    }

    fn key(&self, name: &str) -> Result<Key, Error> {
        Key::parse(format!("{}/{name}", self.folder)).map_err(|error| {
            Error::user("aws_batch::file_name", format!("a file {name:?} cannot be in a bucket: {error}")).with_help("give it another name")
        })
    }

    /// Uploads everything, and what keeps the output directory.
    pub async fn upload(&self, files: &Files, context: &Context) -> Result<(), Error> {
        if let Some(output) = &files.output_dir {
            let key = self.key(&format!("{output}/{MARK}"))?;
            self.store.put(&key, Vec::new().into()).await.map_err(self.wrong("uploading a file"))?;
        }
        let names = local::list(&files.working_dir, FILE)?.files;
        let mut moved = Moved::default();
        let mut uploads = stream::iter(names).map(|name| self.upload_file(&files.working_dir, name)).buffer_unordered(AT_ONCE);
        while let Some(one) = uploads.try_next().await? {
            moved.add(one);
        }
        moved.report(context);
        Ok(())
    }

    async fn upload_file(&self, root: &Path, name: PathBuf) -> Result<Moved, Error> {
        let path = root.join(&name);
        let Some(text) = name.to_str() else {
            return Ok(Moved { bytes: 0, warnings: vec![format!("The file {name:?} stays on the host: its name is no text.")] });
        };
        let key = self.key(text)?;
        let what = format!("uploading {text}");
        let mut file = fs::File::open(&path).await.map_err(|error| failed("read", &path, &error))?;
        let size = file.metadata().await.map_err(|error| failed("read", &path, &error))?.len();
        if size <= PART as u64 {
            let mut content = Vec::with_capacity(size as usize);
            file.read_to_end(&mut content).await.map_err(|error| failed("read", &path, &error))?;
            let bytes = content.len() as u64;
            self.store.put(&key, content.into()).await.map_err(self.wrong(&what))?;
            return Ok(Moved { bytes, ..Moved::default() });
        }
        // S3 takes ten thousand parts at most.
        let part = PART.max((size / 9_000) as usize);
        let upload = self.store.put_multipart(&key).await.map_err(self.wrong(&what))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
        let mut bytes = 0;
        let mut buffer = vec![0; 1 << 20];
        let sent = loop {
            match file.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(read) => {
                    if let Err(error) = upload.wait_for_capacity(2).await {
                        break Err(self.wrong(&what)(error));
                    }
                    upload.write(&buffer[..read]);
                    bytes += read as u64;
                }
                Err(error) => break Err(failed("read", &path, &error)),
            }
        };
        if let Err(error) = sent {
            // Parts of an upload that never ends would be paid for.
            let _ = upload.abort().await;
            return Err(error);
        }
        upload.finish().await.map_err(self.wrong(&what))?;
        Ok(Moved { bytes, ..Moved::default() })
    }

    /// Names below the folder, as they are in it.
    async fn names(&self) -> Result<Vec<(String, Key)>, Error> {
        let prefix = format!("{}/", self.folder);
        let found = self.store.list(Some(&Key::from(self.folder.as_str()))).map_err(self.wrong("listing the files"));
        let keys: Vec<Key> = found.map_ok(|object| object.location).try_collect().await?;
        Ok(keys.into_iter().filter_map(|key| Some((key.as_ref().strip_prefix(&prefix)?.to_owned(), key))).collect())
    }

    /// Downloads what the task asked for.
    pub async fn download(&self, files: &Files, everything: bool, context: &Context) -> Result<(), Error> {
        let wanted = if everything { Wanted::Everything } else { Wanted::of(files) };
        let mut moved = Moved::default();
        let mut places = Vec::new();
        for (name, key) in self.names().await? {
            if name.ends_with(MARK) || !wanted.takes(&name) {
                continue;
            }
            if let Some(place) = local::place(&files.working_dir, &name, context) {
                places.push((place, key));
            }
        }
        let mut downloads = stream::iter(places).map(|(place, key)| self.download_file(place, key)).buffer_unordered(AT_ONCE);
        while let Some(bytes) = downloads.try_next().await? {
            moved.bytes += bytes;
        }
        moved.report(context);
        Ok(())
    }

    async fn download_file(&self, path: PathBuf, key: Key) -> Result<u64, Error> {
        let what = format!("downloading {key}");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(|error| failed("made", parent, &error))?;
        }
        // Where a link or an input file is, which may be the same file elsewhere, a new one takes its place.
        let _ = fs::remove_file(&path).await;
        let mut content = self.store.get(&key).await.map_err(self.wrong(&what))?.into_stream();
        let mut file = fs::File::create_new(&path).await.map_err(|error| failed("written", &path, &error))?;
        let mut bytes = 0;
        while let Some(chunk) = content.try_next().await.map_err(self.wrong(&what))? {
            file.write_all(&chunk).await.map_err(|error| failed("written", &path, &error))?;
            bytes += chunk.len() as u64;
        }
        file.flush().await.map_err(|error| failed("written", &path, &error))?;
        Ok(bytes)
    }

    /// Removes the task's folder, a thousand objects with each request.
    pub async fn remove(&self) -> Result<(), Error> {
        let keys: Vec<object_store::Result<Key>> = self.names().await?.into_iter().map(|(_, key)| Ok(key)).collect();
        let removed = self.store.delete_stream(stream::iter(keys).boxed());
        removed.map_err(self.wrong("removing the files")).try_for_each(|_| async { Ok(()) }).await
    }

    /// Whether it may be read.
    pub async fn ask(&self) -> Result<(), Error> {
        let mut found = self.store.list(Some(&Key::from("switchyard-health")));
        found.next().await.transpose().map(drop).map_err(self.wrong("listing the files"))
    }

    /// Says that files stay behind.
    pub fn missing(files: &Files, context: &Context) {
        if transfer::has_entries(&files.working_dir) {
            context.message(Level::Warn, "The task's files stay on the host: without `bucket` they cannot reach AWS Batch.");
        }
    }
}
