//! Recordings: every call across the plugin boundary that one attempt of a task made, as a file.
//!
//! A host writes one where its administrator asks for it (`switchyard run --record DIR`, `plugins.record` in `switchyard.yaml`);
//! `switchyard plugins replay FILE --plugin NEW.so` and [`testkit::replay!`](crate::testkit::replay) make the same calls of another
//! build and compare. `docs/recordings.md` describes the file: a JSON object a line, a [`Line`] each.

mod bytes;
mod context;
mod entry;
mod file;
mod recorder;

pub use bytes::Bytes;
pub use entry::{Answer, End, Entry, Header, Line, RecordedPlugin, VERSION};
pub use file::{Call, File, ReadError, Recording};
pub use recorder::{Recorder, Sink};
