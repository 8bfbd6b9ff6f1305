//! The journal, logs and internal storage.
