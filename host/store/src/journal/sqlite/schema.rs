//! Opening and creating the database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::journal::{Durability, Error, Options, Result};

/// Raised with every change of the tables.
const SCHEMA: i64 = 1;
/// "SWYD": tells our files from those of other programs.
const APPLICATION: i64 = 0x5357_5944;
/// How long a reader waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// A record's key is its execution's number and its position, so that the records of one execution lie together, in
/// order, without an index. Documents lie apart because a change of state must not rewrite them.
const TABLES: &str = "
CREATE TABLE executions (
    number    INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL DEFAULT '',
    flow_id   TEXT NOT NULL DEFAULT '',
    state     TEXT NOT NULL DEFAULT '',
    finished  INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL DEFAULT 0,
    updated   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX executions_unfinished ON executions (number) WHERE finished = 0;
CREATE INDEX executions_by_flow ON executions (namespace, flow_id);
CREATE TABLE documents (number INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
CREATE TABLE records (position INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE TABLE checkpoints (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE flows (
    namespace TEXT NOT NULL,
    id        TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    source    TEXT NOT NULL,
    deleted   INTEGER NOT NULL DEFAULT 0,
    updated   INTEGER NOT NULL,
    PRIMARY KEY (namespace, id, revision)
) STRICT;
CREATE TABLE entries (
    namespace   TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    description TEXT,
    expires     INTEGER,
    updated     INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT;
CREATE INDEX entries_expiring ON entries (expires) WHERE expires IS NOT NULL;
";

/// The writer's connection; creates what is missing.
pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection> {
    let failed = |source| Error::sqlite(path, source);
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE, options.patience).or_else(|error| {
        let directory = path.parent().filter(|directory| !directory.exists());
        let Some(directory) = directory else {
            return Err(failed(error));
        };
        std::fs::create_dir_all(directory)
            .map_err(|source| Error::Directory { path: directory.to_path_buf(), source: Arc::new(source) })?;
        connect(path, OpenFlags::SQLITE_OPEN_CREATE, options.patience).map_err(failed)
    })?;
    if version(&connection).map_err(failed)? == 0 {
        create(&mut connection).map_err(failed)?;
    }
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if application != APPLICATION {
        return Err(Error::Foreign { path: path.to_path_buf() });
    }
    let found = version(&connection).map_err(failed)?;
    if found > SCHEMA {
        return Err(Error::Newer { path: path.to_path_buf(), found, known: SCHEMA });
    }
    tune(&connection, options.durability).map_err(failed)?;
    Ok(connection)
}

/// A connection for one reader.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::empty(), PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(16);
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, extra: OpenFlags, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience.min(PATIENCE))?;
    // The last one to close would write everything from the WAL into the database and sync it: milliseconds that a short
    // run on a terminal cannot spare, while the next writer does it in passing.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    // Until it holds something, the database need not survive a power cut.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // Another process may have been faster, or the file belongs to another program.
    if tables == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()
}

fn tune(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Machine => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Pages of 4 KiB: moving 16 MiB at a time into the database keeps the syncs rare and the WAL small.
    connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}
