//! What crosses the plugin boundary during an attempt, as a file for whoever mends the plugin.

mod film;
mod mask;
mod tape;

use std::{path::PathBuf, sync::Arc};

use switchyard_plugin_api::{
    RunRequest, TaskRef,
    recording::{Header, RecordedPlugin, VERSION},
};
use switchyard_registry::{Pattern, Registry};

pub use film::{ENDING, Film};
pub use mask::conceal;
pub use tape::Tape;

/// Which attempts are recorded, where, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Made when absent, for the host's user alone.
    pub dir: PathBuf,
    /// Nothing is kept of attempts that do not fail.
    pub only_failed: bool,
    /// Of types of tasks or runners; every one when empty.
    pub types: Vec<Pattern>,
    /// Of `namespace.flow`; every one when empty.
    pub flows: Vec<Pattern>,
    /// Of task ids; every one when empty.
    pub tasks: Vec<Pattern>,
    /// Files of the working directory up to this size are kept with their content; of others the digest.
    pub content: u64,
    /// Bytes of one recording; beyond it log bytes are left out, but for the last ones.
    pub size: u64,
    /// Recordings in the directory; the oldest go.
    pub keep: usize,
}

impl Record {
    /// Every attempt, into this directory.
    pub fn into(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            only_failed: false,
            types: Vec::new(),
            flows: Vec::new(),
            tasks: Vec::new(),
            content: 0,
            size: 64 << 20,
            keep: 100,
        }
    }

    /// Whether attempts of a task are recorded, as far as its name tells.
    fn names(&self, task: &TaskRef) -> bool {
        let flow = format!("{}.{}", task.namespace, task.flow_id);
        fits(&self.flows, [flow.as_str()]) && fits(&self.tasks, [task.task_id.as_str()])
    }
}

fn fits<'a>(patterns: &[Pattern], names: impl IntoIterator<Item = &'a str> + Clone) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| names.clone().into_iter().any(|name| pattern.fits(name)))
}

/// A tape for the attempt, if it is one that is recorded.
pub(crate) fn tape(record: Option<&Arc<Record>>, task: &TaskRef) -> Option<Tape> {
    let record = record.filter(|record| record.names(task))?;
    Some(Tape::new(Arc::clone(record), task.clone()))
}

impl Tape {
    /// Ends here, with nothing kept, unless the types that are called are of those that are recorded.
    pub(crate) fn if_concerned(self, types: [&str; 2]) -> Option<Self> {
        let concerned = fits(&self.record().types, types);
        if !concerned {
            self.end(None);
        }
        concerned.then_some(self)
    }

    /// The first line.
    pub(crate) fn header(&self, registry: &Registry, types: &[&str]) -> Header {
        let mut plugins: Vec<RecordedPlugin> = Vec::new();
        for row in registry.plugins().into_iter().filter(|row| row.state.is_usable()) {
            let (Some(type_name), Some(id)) = (row.type_name, row.plugin) else { continue };
            if !types.contains(&type_name.as_str()) {
                continue;
            }
            match plugins.iter_mut().find(|plugin| plugin.id == id) {
                Some(plugin) => plugin.types.push(type_name),
                None => plugins.push(RecordedPlugin {
                    id,
                    version: row.version.unwrap_or_default(),
                    sha256: row.hash,
                    isolation: row.isolation.map(|isolation| isolation.as_str().to_owned()),
                    types: vec![type_name],
                }),
            }
        }
        Header {
            version: VERSION,
            host: concat!("switchyard ", env!("CARGO_PKG_VERSION")).to_owned(),
            api: switchyard_plugin_api::API_VERSION.to_owned(),
            began: self.began().to_string(),
            task: self.task().clone(),
            plugins,
        }
    }

    /// Notes the files that the run finds.
    pub(crate) async fn files(&self, request: &RunRequest) {
        let (tape, directory) = (self.clone(), request.files.working_dir.clone());
        // Reading them may take as long as the disk does.
        let _ = tokio::task::spawn_blocking(move || tape.note_files(&directory)).await;
    }
}
