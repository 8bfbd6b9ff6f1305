//! One attempt's recording: lines wait until the secrets are known, then go to the file as they come.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use switchyard_model::State;
use switchyard_plugin_api::{
    TaskRef,
    recording::{Bytes, End, Entry, Header, Line, Recorder, Sink},
};
use switchyard_store::masking::Masker;

use super::{
    Record,
    film::{self, Film},
};

/// More files than anybody looks at.
const MOST_FILES: usize = 1000;

/// Cheap to clone.
#[derive(Clone)]
pub struct Tape(Arc<Inner>);

struct Inner {
    record: Arc<Record>,
    task: TaskRef,
    began: Timestamp,
    recorder: Recorder,
    reel: Arc<Reel>,
}

/// Where lines are.
struct Reel(Mutex<Place>);

enum Place {
    /// Nothing may be written before the secrets are known.
    Waiting(Vec<Line>),
    Film(Film),
    /// It ended, or could not be written.
    Over,
}

impl Reel {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Reel {
    fn take(&self, line: Line) {
        let mut place = self.place();
        match &mut *place {
            Place::Waiting(lines) => lines.push(line),
            Place::Film(film) => {
                if let Err(error) = film.take(line) {
                    // A task must not suffer from being watched.
                    tracing::warn!(path = %film.path().display(), %error, "the recording of a task ends here: it cannot be written");
                    *place = Place::Over;
                }
            }
            Place::Over => {}
        }
    }
}

impl Tape {
    pub(super) fn new(record: Arc<Record>, task: TaskRef) -> Self {
        let reel = Arc::new(Reel(Mutex::new(Place::Waiting(Vec::new()))));
        let recorder = Recorder::new(Arc::clone(&reel) as Arc<dyn Sink>);
        Self(Arc::new(Inner { record, task, began: Timestamp::now(), recorder, reel }))
    }

    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    pub(super) fn record(&self) -> &Record {
        &self.0.record
    }

    pub(super) fn task(&self) -> &TaskRef {
        &self.0.task
    }

    pub(super) fn began(&self) -> Timestamp {
        self.0.began
    }

    /// The secrets are known: what has waited is written.
    pub fn begin(&self, header: Header, masker: &Masker) {
        let mut place = self.0.reel.place();
        let Place::Waiting(lines) = &mut *place else { return };
        let lines = std::mem::take(lines);
        let name = self.name();
        let opened = Film::open(&self.0.record, &name, masker.clone()).and_then(|mut film| {
            film.write(&Line { at: 0, entry: Entry::Recording(Box::new(header)) })?;
            lines.into_iter().try_for_each(|line| film.take(line))?;
            Ok(film)
        });
        *place = match opened {
            Ok(film) => Place::Film(film),
            Err(error) => {
                tracing::warn!(directory = %self.0.record.dir.display(), %error, "a task is not recorded: its recording cannot be written");
                Place::Over
            }
        };
    }

    fn name(&self) -> String {
        let task = &self.0.task;
        let name = format!("{}.{}.{}-{}", task.flow_id, task.task_id, task.taskrun_id, task.attempt);
        // Ids hold nothing that a path could not, but a name is short.
        name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).take(200).collect()
    }

    pub(super) fn note_files(&self, directory: &Path) {
        let mut left = MOST_FILES;
        if let Err(error) = self.note_below(directory, directory, &mut left) {
            tracing::warn!(directory = %directory.display(), %error, "not all files of a task are noted in its recording");
        }
    }

    fn note_below(&self, root: &Path, directory: &Path, left: &mut usize) -> io::Result<()> {
        let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() {
                self.note_below(root, &path, left)?;
            } else if kind.is_file() && *left > 0 {
                *left -= 1;
                let size = entry.metadata()?.len();
                let mut digest = Sha256::new();
                let mut file = fs::File::open(&path)?;
                io::copy(&mut file, &mut digest)?;
                let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                let content = if size <= self.0.record.content { Some(Bytes(fs::read(&path)?)) } else { None };
                let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                self.0.recorder.put(Entry::File { path, size, sha256, content });
            }
        }
        Ok(())
    }

    /// The attempt is over; `None`: it goes on without this host.
    pub fn end(&self, state: Option<State>) {
        let over = std::mem::replace(&mut *self.0.reel.place(), Place::Over);
        let Place::Film(mut film) = over else { return };
        let path = film.path().to_owned();
        let done = if self.0.record.only_failed && state.is_some_and(|state| state != State::Failed) {
            film.remove()
        } else {
            let end = End { state: state.map(|state| state.to_string()), masked: film.masked };
            let at = u64::try_from(Timestamp::now().duration_since(self.0.began).as_micros()).unwrap_or_default();
            film.write(&Line { at, entry: Entry::End(end) }).and_then(|()| film::prune(&self.0.record))
        };
        if let Err(error) = done {
            tracing::warn!(path = %path.display(), %error, "the recording of a task could not be finished");
        } else if state == Some(State::Failed) {
            tracing::info!(path = %path.display(), task = %self.0.task.task_id, "the failed task was recorded");
        }
    }
}
