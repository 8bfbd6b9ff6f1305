//! `logToFile`: the log of one attempt as a file of its own in internal storage instead of the log store. Spec 2.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use switchyard_model::Level;
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    logs::Source,
    storage::{self, StorageUri},
};

use crate::engine::Shared;

/// Takes what the log store would take.
pub struct LogFile {
    path: PathBuf,
    state: Mutex<Option<State>>,
}

struct State {
    file: BufWriter<File>,
    /// Beginnings of lines of standard output and standard error.
    partial: [Vec<u8>; 2],
}

impl LogFile {
    /// A file at `path` until it is stored; what an earlier host wrote stays in it.
    pub fn create(path: PathBuf) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = BufWriter::new(File::options().create(true).append(true).open(&path)?);
        Ok(Self { path, state: Mutex::new(Some(State { file, partial: Default::default() })) })
    }

    pub fn append(&self, source: Source, level: Level, time: i64, bytes: &[u8]) -> std::io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(State { file, partial }) = &mut *state else { return Ok(()) };
        let at = Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default();
        let place = match source {
            Source::Stdout => 0,
            Source::Stderr => 1,
            Source::Message(_) => {
                writeln!(file, "{at} {level} {}", String::from_utf8_lossy(bytes))?;
                return Ok(());
            }
        };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let rest = &mut partial[place];
            rest.extend_from_slice(piece);
            if rest.ends_with(b"\n") {
                write!(file, "{at} {level} ")?;
                file.write_all(rest)?;
                rest.clear();
            }
        }
        Ok(())
    }

    /// Stores the file; answers its URI. Nothing can be appended afterwards.
    pub async fn store(&self, shared: &Shared, task: &TaskRef) -> Result<String, Error> {
        let failed = |error: std::io::Error| Error::environment("logs::write", format!("the log file cannot be written: {error}"));
        if let Some(State { mut file, partial }) = self.state.lock().unwrap_or_else(PoisonError::into_inner).take() {
            for rest in partial.iter().filter(|rest| !rest.is_empty()) {
                file.write_all(rest).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
            }
            file.flush().map_err(failed)?;
        }
        let stored = |error: storage::Error| Error::environment(error.code(), error.to_string());
        let name = format!("{}-{}.log", task.taskrun_id, task.attempt);
        let uri = StorageUri::task_file(&task.namespace, &task.flow_id, &task.execution_id, &task.task_id, &task.taskrun_id, &name)
            .map_err(stored)?;
        shared.storage.put_file(&uri, &self.path, storage::Source::Move).await.map_err(stored)?;
        Ok(uri.to_string())
    }
}
