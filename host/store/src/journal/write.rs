//! The things a journal keeps.

/// One event of an execution. `payload` is JSON that only the writer understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub execution_id: String,
    /// Position within the execution, counted by the writer; a position is written once.
    pub seq: u32,
    pub kind: String,
    pub payload: Vec<u8>,
}

/// The row of an execution in lists, and its whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub id: String,
    pub namespace: String,
    pub flow_id: String,
    pub state: String,
    /// No further record will follow; such executions are left alone after a restart.
    pub finished: bool,
    /// Unix milliseconds.
    pub created: i64,
    pub updated: i64,
    /// `None` leaves the stored document as it is, so that a change of state costs a few bytes.
    pub document: Option<Vec<u8>>,
}

/// Which executions [`list`](super::Journal::list) gives, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// This namespace and those below it.
    pub namespace: Option<String>,
    pub flow_id: Option<String>,
    /// Any of these; empty means all.
    pub states: Vec<String>,
    pub created_from: Option<i64>,
    pub created_before: Option<i64>,
    pub offset: u32,
    /// 0 means all.
    pub limit: u32,
    /// Documents may be large; lists rarely need them.
    pub with_documents: bool,
}

/// One revision of a flow as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSource {
    pub namespace: String,
    pub id: String,
    pub revision: u32,
    pub source: String,
    pub deleted: bool,
    /// Unix milliseconds.
    pub updated: i64,
}

/// A key-value entry of a namespace. `value` is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub namespace: String,
    pub key: String,
    pub value: Vec<u8>,
    pub description: Option<String>,
    /// Unix milliseconds; from then on the entry is treated as missing.
    pub expires: Option<i64>,
    pub updated: i64,
}

/// One change of the journal. Changes submitted together are committed together.
#[derive(Clone, Debug)]
pub enum Write {
    Record(Record),
    Summary(Summary),
    /// Removes the execution with its records.
    RemoveExecution {
        id: String,
    },
    /// Durable bytes of a running task, read again after a restart.
    Checkpoint {
        key: String,
        value: Vec<u8>,
    },
    RemoveCheckpoint {
        key: String,
    },
    /// A new revision unless the source equals the newest one; [`Committed::revision`](super::Committed) tells which.
    Flow {
        namespace: String,
        id: String,
        source: String,
        updated: i64,
    },
    RemoveFlow {
        namespace: String,
        id: String,
        updated: i64,
    },
    PutEntry(Entry),
    /// Writes only when no live entry has the key: [`Committed::rows`](super::Committed) is 0 otherwise.
    InsertEntry {
        entry: Entry,
        now: i64,
    },
    RemoveEntry {
        namespace: String,
        key: String,
    },
    /// Removes what expired before `now`.
    ExpireEntries {
        now: i64,
    },
}
