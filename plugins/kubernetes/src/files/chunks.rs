//! Bytes between a thread that blocks and a task that does not, in both directions, each with its digest.

use std::io::{self, Read, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// Bytes that are on their way at most: chunks times their size.
pub const CHUNKS: usize = 8;
const CHUNK: usize = 64 * 1024;

/// The digests of what went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
}

impl Sum {
    /// Whether the container counted the same; none when it could not count.
    pub fn agrees(&self, kind: &str, sum: &str) -> Option<bool> {
        match kind {
            "sha256" => Some(self.sha256 == sum),
            "bytes" => Some(self.bytes.to_string() == sum),
            _ => None,
        }
    }
}

/// Writes into a channel. Each chunk begins with one byte that says which stream it belongs to.
pub struct Outward {
    sender: mpsc::Sender<Bytes>,
    stream: u8,
    buffer: Vec<u8>,
    digest: Sha256,
    bytes: u64,
}

impl Outward {
    pub fn new(sender: mpsc::Sender<Bytes>, stream: u8) -> Self {
        Self { sender, stream, buffer: vec![stream], digest: Sha256::new(), bytes: 0 }
    }

    /// Sends what is left.
    pub fn finish(mut self) -> io::Result<Sum> {
        self.flush()?;
        Ok(Sum { sha256: crate::cluster::hex(&self.digest.finalize()), bytes: self.bytes })
    }
}

impl Write for Outward {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        let taken = &bytes[..taken];
        self.buffer.extend_from_slice(taken);
        self.digest.update(taken);
        self.bytes += taken.len() as u64;
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.len() == 1 {
            return Ok(());
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.push(self.stream);
        let chunk = std::mem::replace(&mut self.buffer, chunk);
        self.sender.blocking_send(chunk.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads from a channel.
pub struct Inward {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
    digest: Sha256,
    bytes: u64,
}

impl Inward {
    pub fn new(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self { receiver, chunk: Bytes::new(), digest: Sha256::new(), bytes: 0 }
    }

    /// Reads the rest, and says what came.
    pub fn finish(mut self) -> io::Result<Sum> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(Sum { sha256: crate::cluster::hex(&self.digest.finalize()), bytes: self.bytes })
    }
}

impl Read for Inward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => {
                    self.digest.update(&chunk);
                    self.bytes += chunk.len() as u64;
                    self.chunk = chunk;
                }
                None => return Ok(0),
            }
        }
        let taken = self.chunk.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.chunk.split_to(taken));
        Ok(taken)
    }
}
