//! Files of a working directory as one zip archive: the cache of a WorkingDirectory task.

use std::fs::File;
use std::io;

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

    /// Puts the files of an archive into this directory; a name that leads out of it is refused like any other.
    pub fn unzip(&self, source: File) -> Result<usize> {
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
            io::copy(&mut entry, &mut file).map_err(|error| self.failed(std::ffi::OsStr::new(&name), error))?;
            count += 1;
        }
        Ok(count)
    }
}
