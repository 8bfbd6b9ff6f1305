//! Streams the working directory into a created container, as one archive that is never stored.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use bollard::{Docker, body_try_stream, query_parameters::UploadToContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::stream::poll_fn;
use switchyard_plugin_api::transfer::{Layout, Moved, Owner, Plan};
use tokio::sync::mpsc;

/// Bytes that are on their way at most: chunks times their size.
const CHUNKS: usize = 8;
const CHUNK: usize = 128 * 1024;

/// What to copy.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The host's directory.
    pub directory: PathBuf,
    /// The same in the container.
    pub target: String,
    /// Output directory below it, created even when the host has none.
    pub output_dir: Option<String>,
    /// Who owns everything; none: everybody may write.
    pub owner: Option<Owner>,
}

/// Copies the directory into the container. The directory itself is an entry of its own, so that the command's user owns it.
pub async fn upload(docker: &Docker, container: &str, what: Upload) -> Result<Moved, String> {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let packing = tokio::task::spawn_blocking(move || {
        let packed = pack(&what, Chunks { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) });
        if let Err(error) = &packed {
            // The engine must not take a cut archive for a whole one.
            let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        packed
    });
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    let body = body_try_stream(poll_fn(move |cx| receiver.poll_recv(cx)));
    let sent = docker.upload_to_container(container, Some(options), body).await;
    let packed = packing.await.map_err(|e| e.to_string())?;
    match (sent, packed) {
        (Ok(()), Ok(copied)) => Ok(copied),
        // When the engine refuses it also stops reading, and packing fails because of that.
        (Err(error), Ok(_)) => Err(crate::engine::chain(&error)),
        (Err(error), Err(packing)) if packing.kind() == io::ErrorKind::BrokenPipe => Err(crate::engine::chain(&error)),
        (_, Err(packing)) => Err(packing.to_string()),
    }
}

/// Hands an archive over in chunks; waits while the engine is slower.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn pack(what: &Upload, mut chunks: Chunks) -> io::Result<Moved> {
    let layout = Layout { root: what.target.trim_start_matches('/').into(), output_dir: what.output_dir.clone(), owner: what.owner };
    let plan = Plan::new(&what.directory, &layout)?;
    plan.write(&mut chunks)?;
    Ok(Moved { bytes: plan.content, warnings: plan.warnings })
}
