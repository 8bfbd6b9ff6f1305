//! Moving a working directory as a tar archive, for runners whose commands do not see the host's disk (feature `transfer`).
//!
//! Both ways are streams: neither side holds a file in memory. On the way out a [`Plan`] knows the archive's length before its first
//! byte; on the way back an [`Unpacker`] writes what is [`Wanted`] and trusts nothing that the other side says.
//!
//! ```
//! use switchyard_plugin_api::{
//!     Files,
//!     transfer::{Layout, Plan, Unpacker, Wanted},
//! };
//!
//! # fn main() -> std::io::Result<()> {
//! # let place = std::env::temp_dir().join(format!("switchyard-transfer-{}", std::process::id()));
//! # let (working_dir, back) = (place.join("out"), place.join("back"));
//! # std::fs::create_dir_all(&working_dir)?;
//! # std::fs::create_dir_all(&back)?;
//! # std::fs::write(working_dir.join("report.csv"), "a,b\n")?;
//! let files = Files { working_dir, outputs: vec!["*.csv".into()], ..Files::default() };
//!
//! // To the other system. `write` blocks, as files do: inside of a runner it belongs into `tokio::task::spawn_blocking`.
//! let plan = Plan::new(&files.working_dir, &Layout::default())?;
//! let mut archive = Vec::new();
//! plan.write(&mut archive)?;
//! assert_eq!(archive.len() as u64, plan.length);
//!
//! // And back: only what the task asked for.
//! let moved = Unpacker::new(&back, &Wanted::of(&files)).run(archive.as_slice())?;
//! assert_eq!((moved.bytes, moved.warnings.len()), (4, 0));
//! assert_eq!(std::fs::read_to_string(back.join("report.csv"))?, "a,b\n");
//! # std::fs::remove_dir_all(&place)
//! # }
//! ```

mod archive;
mod names;
mod plan;
mod unpack;
mod wanted;

pub use names::{inside, link_stays_inside};
pub use plan::{Layout, Owner, Plan};
pub use unpack::Unpacker;
pub use wanted::{Pattern, Wanted};

use std::path::Path;

use crate::{Context, Level, Progress};

/// What was moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes of file content.
    pub bytes: u64,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

impl Moved {
    /// Adds what was moved by another part of the same transfer.
    pub fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.warnings.extend(other.warnings);
    }

    /// Tells the host how much was moved, and what was not.
    pub fn report(self, context: &Context) {
        context.progress(Progress { done: self.bytes, total: Some(self.bytes), unit: "B".to_owned(), message: String::new() });
        for warning in self.warnings {
            context.message(Level::Warn, warning);
        }
    }
}

/// Whether a directory has any entry.
pub fn has_entries(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}
