//! Walking a directory that its owner may change at the same time.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType};

use super::beneath::Beneath;
use super::{Error, Result};

/// Gives every regular file with its size to `found`. Directories deeper than `depth` are not entered, links not
/// followed; what cannot be read becomes a warning. One directory is open at a time.
pub(super) fn files(root: &Path, depth: Option<usize>, warnings: &mut Vec<String>, mut found: impl FnMut(OsString, u64)) -> Result<()> {
    let mut directories = vec![(Vec::new(), 0)];
    while let Some((path, level)) = directories.pop() {
        let directory = match open(root, &path) {
            Ok(directory) => directory,
            Err(source) if path.is_empty() => {
                return Err(Error::Read { path: root.to_path_buf(), source });
            }
            Err(error) => {
                let name = String::from_utf8_lossy(&path);
                warnings.push(format!("outputFiles: the directory `{name}` was not searched: {error}"));
                continue;
            }
        };
        for entry in directory {
            let Ok(entry) = entry else { break };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let mut below = path.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(name);
            match entry.file_type() {
                FileType::Directory if depth.is_none_or(|depth| level < depth) => {
                    directories.push((below, level + 1));
                }
                FileType::RegularFile | FileType::Unknown => {
                    let relative = OsString::from_vec(below);
                    if let Some(size) = size(root, &relative) {
                        found(relative, size);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn open(root: &Path, path: &[u8]) -> std::io::Result<Dir> {
    let name = [path, b"/-"].concat();
    let name = match path {
        [] => OsStr::new("-"),
        _ => OsStr::from_bytes(&name),
    };
    let place = Beneath::find(root, name).map_err(std::io::Error::other)?;
    Ok(Dir::new(place.directory)?)
}

/// The size of what still is a regular file.
fn size(root: &Path, name: &OsStr) -> Option<u64> {
    let place = Beneath::find(root, name).ok()?;
    let stat = rustix::fs::statat(&place.directory, place.name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| u64::try_from(stat.st_size).unwrap_or_default())
}
