//! Headers of the archive format, for names of any bytes and any length.

use tar::{EntryType, Header};

use super::Owner;

/// The unit of an archive.
pub const BLOCK: u64 = 512;
/// What ends an archive.
pub const END: u64 = 2 * BLOCK;

const MOST_OF_A_NAME: usize = 100;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of so many bytes.
    File(u64),
    /// A directory.
    Directory,
    /// A symlink.
    Symlink,
}

/// The header of an entry; names and targets that are too long for it come before it, as GNU has them.
pub fn header(name: &[u8], target: &[u8], kind: Kind, mode: u32, mtime: u64, owner: Owner) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(512);
    for (text, code) in [(name, b'L'), (target, b'K')] {
        if text.len() > MOST_OF_A_NAME {
            let size = text.len() as u64 + 1;
            blocks.extend_from_slice(block(b"././@LongLink", b"", EntryType::new(code), size, 0o644, 0, Owner::default()).as_bytes());
            blocks.extend_from_slice(text);
            let padded = (blocks.len() + 1).next_multiple_of(512);
            blocks.resize(padded, 0);
        }
    }
    let (kind, size) = match kind {
        Kind::File(size) => (EntryType::Regular, size),
        Kind::Directory => (EntryType::Directory, 0),
        Kind::Symlink => (EntryType::Symlink, 0),
    };
    blocks.extend_from_slice(block(name, target, kind, size, mode, mtime, owner).as_bytes());
    blocks
}

fn block(name: &[u8], target: &[u8], kind: EntryType, size: u64, mode: u32, mtime: u64, owner: Owner) -> Header {
    let mut header = Header::new_gnu();
    let fields = header.as_old_mut();
    for (field, text) in [(&mut fields.name, name), (&mut fields.linkname, target)] {
        let taken = text.len().min(MOST_OF_A_NAME);
        field[..taken].copy_from_slice(&text[..taken]);
    }
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(owner.uid);
    header.set_gid(owner.gid);
    header.set_mtime(mtime);
    header.set_cksum();
    header
}
