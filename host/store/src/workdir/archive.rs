//! Files of a working directory as one zip archive: the cache of a WorkingDirectory task.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{CapturedFile, Error, FileMode, Result, WorkDir};

const EXECUTABLE: u32 = 0o111;

impl WorkDir {
    /// Writes files of this directory into an archive.
    pub fn zip(&self, files: &[CapturedFile], target: File) -> Result<()> {
        let mut archive = ZipWriter::new(target);
        for file in files {
            let failed = |error: io::Error| self.failed(&file.name, error);
            let mut opened = self.open(&file.name)?;
            let mode = std::os::unix::fs::MetadataExt::mode(&opened.metadata().map_err(failed)?);
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .unix_permissions(mode & 0o777)
                .large_file(file.size >= u64::from(u32::MAX));
            archive.start_file(&*file.key, options).map_err(|error| failed(error.into()))?;
            io::copy(&mut opened, &mut archive).map_err(failed)?;
        }
        archive.finish().map(drop).map_err(|source| Error::Archive { reason: source.to_string() })
    }

    /// Puts the files of an archive into this directory, all last modified at one time; a name that leads out of it is refused like any other.
    pub fn unzip(&self, source: File, modified: SystemTime) -> Result<usize> {
        let broken = |error: zip::result::ZipError| Error::Archive { reason: error.to_string() };
        let mut archive = ZipArchive::new(source).map_err(broken)?;
        let mut count = 0;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(broken)?;
            if !entry.is_file() {
                continue;
            }
            let name = entry.name().map_err(broken)?.into_owned();
            let executable = entry.unix_mode().is_some_and(|mode| mode & EXECUTABLE != 0);
            let mut file = self.new_file(&name, if executable { FileMode::Executable } else { FileMode::Plain })?;
            io::copy(&mut entry, &mut file)
                .and_then(|_| file.set_modified(modified))
                .map_err(|error| self.failed(std::ffi::OsStr::new(&name), error))?;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::workdir::Capture;

    #[test]
    fn files_come_back_with_their_folders_and_modes() {
        let root = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| WorkDir::create(root.path(), name).unwrap());
        from.write("dir/a b.txt", b"content", FileMode::Plain).unwrap();
        from.write("run.sh", b"#!/bin/sh", FileMode::Executable).unwrap();
        let files = from.capture(&Capture::new(["**"])).unwrap().files;
        let path = root.path().join("x.zip");
        from.zip(&files, File::create(&path).unwrap()).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(to.unzip(File::open(&path).unwrap(), time).unwrap(), 2);
        assert_eq!(std::fs::read(to.path().join("dir/a b.txt")).unwrap(), b"content");
        let mode = |name: &str| std::os::unix::fs::MetadataExt::mode(&to.path().join(name).metadata().unwrap()) & 0o777;
        assert_eq!((mode("run.sh"), mode("dir/a b.txt")), (0o755, 0o644));
        assert_eq!(to.path().join("run.sh").metadata().unwrap().modified().unwrap(), time);
    }

    #[test]
    fn an_archive_cannot_write_elsewhere_and_may_be_damaged() {
        let root = tempfile::tempdir().unwrap();
        let directory = WorkDir::create(root.path(), "to").unwrap();
        let path = root.path().join("evil.zip");
        let mut archive = ZipWriter::new(File::create(&path).unwrap());
        archive.start_file("../evil.txt", SimpleFileOptions::default()).unwrap();
        archive.finish().unwrap();
        assert_eq!(directory.unzip(File::open(&path).unwrap(), SystemTime::now()).unwrap_err().code(), "workdir::name");
        assert!(!root.path().join("evil.txt").exists());
        std::fs::write(&path, b"no archive").unwrap();
        assert_eq!(directory.unzip(File::open(&path).unwrap(), SystemTime::now()).unwrap_err().code(), "workdir::archive");
    }
}
