//! Streams files out of a container.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use bollard::{Docker, query_parameters::DownloadFromContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all};
use switchyard_plugin_api::transfer::{Moved, Unpacker, Wanted};
use tokio::sync::mpsc;

use crate::engine::{chain, status};

const CHUNKS: usize = 8;

/// A stream that breaks off is read again this often.
const ATTEMPTS: u32 = 3;

/// A request of its own for each path is cheaper than reading the whole directory only for a few.
const MOST_PATHS: usize = 4;

/// Copies what is wanted from `source` in the container into `directory`.
pub async fn download(docker: &Docker, container: &str, source: &str, directory: &Path, wanted: &Wanted) -> Result<Moved, String> {
    match wanted.paths() {
        _ if *wanted == Wanted::Nothing => Ok(Moved::default()),
        Some(paths) if paths.len() <= MOST_PATHS => {
            let each = paths.iter().map(|path| {
                let below = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
                fetch(docker, container, format!("{source}/{path}"), directory, below, wanted)
            });
            let mut all = Moved::default();
            try_join_all(each).await?.into_iter().for_each(|fetched| all.add(fetched));
            Ok(all)
        }
        _ => {
            // The archive's names begin with the directory's own.
            fetch(docker, container, format!("{source}/."), directory, PathBuf::new(), wanted).await
        }
    }
}

async fn fetch(docker: &Docker, container: &str, path: String, directory: &Path, below: PathBuf, wanted: &Wanted) -> Result<Moved, String> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
        let unpacking = tokio::task::spawn_blocking({
            let (directory, below, wanted) = (directory.to_owned(), below.clone(), wanted.clone());
            move || Unpacker::new(&directory, &wanted).below(&below).run(Chunks { receiver, chunk: Bytes::new() })
        });
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let mut stream = Box::pin(docker.download_from_container(container, Some(options)));
        let mut broken = None;
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => {
                    if sender.send(Ok(chunk)).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    let _ = sender.send(Err(io::Error::other(chain(&error)))).await;
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        let unpacked = unpacking.await.map_err(|e| e.to_string())?;
        match (broken, unpacked) {
            (None, Ok(fetched)) => return Ok(fetched),
            // The task did not make this file: the host says so, if it minds.
            (Some(error), _) if status(&error) == Some(404) => return Ok(Moved::default()),
            (Some(error), _) if status(&error).is_some_and(|s| s < 500) => return Err(chain(&error)),
            (Some(error), _) => last = chain(&error),
            (None, Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => last = error.to_string(),
            (None, Err(error)) => return Err(error.to_string()),
        }
    }
    Err(format!("{path}: {last}"))
}

/// The archive as it arrives.
struct Chunks {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let taken = self.chunk.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.chunk.split_to(taken));
        Ok(taken)
    }
}
