//! Everything Switchyard keeps: the journal of executions, their logs, the files of internal storage, the working
//! directories of tasks, namespace files, key-value entries and secrets.
//!
//! The store knows nothing of flows or plugins: it takes ids, JSON bytes and file names, and gives them back.

pub mod journal;
pub mod kv;
pub mod logs;
pub mod masking;
pub mod namespace_files;
pub mod secrets;
pub mod storage;
pub mod tls;
pub mod workdir;
