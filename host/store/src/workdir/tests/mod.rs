mod capturing;
mod globs;
mod placing;
mod removing;

use super::WorkDir;

pub(super) fn workdir() -> (tempfile::TempDir, WorkDir) {
    let root = tempfile::tempdir().unwrap();
    let directory = WorkDir::create(root.path(), "run-1").unwrap();
    (root, directory)
}
