//! What is printed much is stored small: large appends are packed as LZ4 blocks.
//!
//! Logs repeat themselves, so a block of them is a third of its text or less, and packing costs less than it costs the kernel to take the
//! text into its page cache. Each frame is packed by itself: it can be read alone, and a crash still loses one frame at most.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::frame::LONGEST;

/// Smaller appends gain nothing that the file system's blocks would show.
const SMALLEST: usize = 8 * 1024;
/// Appends that are stored as they are after one that packing did not make a quarter smaller: the next ones are most likely alike.
const PASS: u32 = 15;

/// The bytes of a frame as they are stored.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) packed: bool,
}

impl<'a> Body<'a> {
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, packed: false }
    }
}

/// Decides what to pack in one attempt.
#[derive(Debug, Default)]
pub(super) struct Packer {
    pass: AtomicU32,
}

thread_local! {
    static PACKED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Packer {
    /// Gives the bytes to `write`, packed where that pays.
    pub(super) fn pack<T>(&self, bytes: &[u8], write: impl FnOnce(Body<'_>) -> T) -> T {
        let passed = |pass: u32| pass.checked_sub(1);
        if !(SMALLEST..=LONGEST).contains(&bytes.len()) || self.pass.fetch_update(Ordering::Relaxed, Ordering::Relaxed, passed).is_ok() {
            return write(Body::plain(bytes));
        }
        PACKED.with_borrow_mut(|packed| {
            packed.resize(LENGTH + lz4_flex::block::get_maximum_output_size(bytes.len()), 0);
            let (length, block) = packed.split_at_mut(LENGTH);
            length.copy_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            match lz4_flex::block::compress_into(bytes, block) {
                Ok(size) if size < bytes.len() / 4 * 3 => write(Body { bytes: &packed[..LENGTH + size], packed: true }),
                _ => {
                    self.pass.store(PASS, Ordering::Relaxed);
                    write(Body::plain(bytes))
                }
            }
        })
    }
}

/// The length of the text stands before the block.
const LENGTH: usize = 4;

/// Unpacks a frame into `text`. Bytes that a disk has changed are replaced by a line that says so, so that what follows stays readable.
pub(super) fn unpack(stored: &[u8], text: &mut Vec<u8>) {
    text.clear();
    let whole = stored.split_first_chunk::<LENGTH>().is_some_and(|(length, block)| {
        let length = u32::from_le_bytes(*length) as usize;
        if length > LONGEST {
            return false;
        }
        text.resize(length, 0);
        lz4_flex::block::decompress_into(block, text).is_ok_and(|size| size == length)
    });
    if !whole {
        text.clear();
        text.extend_from_slice(format!("[{} bytes of this log are damaged and cannot be shown]\n", stored.len()).as_bytes());
    }
}
