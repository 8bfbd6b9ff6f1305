//! Writes as SQL.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::journal::{Committed, Entry, Error, Record, Summary, Write};

pub(super) struct Apply<'a> {
    connection: &'a Connection,
    numbers: &'a mut HashMap<String, i64>,
    /// For executions with several summaries in one transaction: how many are still to come. Only the last is written.
    pending: HashMap<String, usize>,
    documents: HashMap<String, Vec<u8>>,
    last: Option<(String, u32)>,
}

impl<'a> Apply<'a> {
    pub(super) fn new(connection: &'a Connection, numbers: &'a mut HashMap<String, i64>) -> Self {
        Self { connection, numbers, pending: HashMap::new(), documents: HashMap::new(), last: None }
    }

    /// Remembers how often each execution is summarized in this transaction.
    pub(super) fn fold_summaries<'w>(&mut self, writes: impl Iterator<Item = &'w Write>) {
        for write in writes {
            match write {
                Write::Summary(summary) => match self.pending.get_mut(&summary.id) {
                    Some(count) => *count += 1,
                    None => {
                        self.pending.insert(summary.id.clone(), 1);
                    }
                },
                // What came before a removal must not be merged with what comes after.
                Write::RemoveExecution { .. } => {
                    self.pending.clear();
                    return;
                }
                _ => {}
            }
        }
    }

    /// The record that was being written when the last statement failed.
    pub(super) fn duplicate(&mut self) -> Option<Error> {
        self.last.take().map(|(execution, seq)| Error::Duplicate { execution, seq })
    }

    pub(super) fn all(&mut self, writes: &[Write]) -> rusqlite::Result<Committed> {
        let mut committed = Committed::default();
        for write in writes {
            committed.rows += match write {
                Write::Record(record) => self.record(record)?,
                Write::Summary(summary) => self.summary(summary)?,
                Write::RemoveExecution { id } => self.remove_execution(id)?,
                Write::Checkpoint { key, value } => self.execute(
                    "INSERT INTO checkpoints (key, value) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    params![key, value],
                )?,
                Write::RemoveCheckpoint { key } => self.execute("DELETE FROM checkpoints WHERE key = ?1", params![key])?,
                Write::Flow { namespace, id, source, updated } => {
                    let (rows, revision) = self.flow(namespace, id, source, *updated)?;
                    committed.revision = Some(revision);
                    rows
                }
                Write::RemoveFlow { namespace, id, updated } => self.execute(
                    "INSERT INTO flows (namespace, id, revision, source, deleted, updated)
                     SELECT namespace, id, revision + 1, source, 1, ?3 FROM flows
                     WHERE namespace = ?1 AND id = ?2
                       AND revision = (SELECT max(revision) FROM flows WHERE namespace = ?1 AND id = ?2)
                       AND deleted = 0",
                    params![namespace, id, updated],
                )?,
                Write::PutEntry(entry) => self.put_entry(entry)?,
                Write::InsertEntry { entry, now } => {
                    self.execute(
                        "DELETE FROM entries WHERE namespace = ?1 AND key = ?2 AND expires <= ?3",
                        params![entry.namespace, entry.key, now],
                    )?;
                    self.execute(
                        "INSERT INTO entries (namespace, key, value, description, expires, updated)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                        params![entry.namespace, entry.key, entry.value, entry.description, entry.expires, entry.updated],
                    )?
                }
                Write::RemoveEntry { namespace, key } => {
                    self.execute("DELETE FROM entries WHERE namespace = ?1 AND key = ?2", params![namespace, key])?
                }
                Write::ExpireEntries { now } => self.execute("DELETE FROM entries WHERE expires <= ?1", params![now])?,
            };
        }
        Ok(committed)
    }

    fn record(&mut self, record: &Record) -> rusqlite::Result<u64> {
        let number = self.number(&record.execution_id)?;
        let position = position(number, record.seq);
        self.execute("INSERT INTO records (position, kind, payload) VALUES (?1, ?2, ?3)", params![position, record.kind, record.payload])
            .inspect_err(|error| {
                let code = error.sqlite_error_code();
                if code == Some(rusqlite::ErrorCode::ConstraintViolation) {
                    self.last = Some((record.execution_id.clone(), record.seq));
                }
            })
    }

    fn number(&mut self, id: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(*number);
        }
        let known =
            self.connection.prepare_cached("SELECT number FROM executions WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
        let number = match known {
            Some(number) => number,
            None => {
                self.execute("INSERT INTO executions (id) VALUES (?1)", [id])?;
                self.connection.last_insert_rowid()
            }
        };
        self.numbers.insert(id.to_owned(), number);
        Ok(number)
    }

    fn summary(&mut self, summary: &Summary) -> rusqlite::Result<u64> {
        if let Some(count) = self.pending.get_mut(&summary.id)
            && *count > 1
        {
            *count -= 1;
            if let Some(document) = &summary.document {
                self.documents.insert(summary.id.clone(), document.clone());
            }
            return Ok(1);
        }
        let number = self.number(&summary.id)?;
        let rows = self.execute(
            "UPDATE executions SET namespace = ?2, flow_id = ?3, state = ?4, finished = ?5, created = ?6, updated = ?7
             WHERE number = ?1",
            params![number, summary.namespace, summary.flow_id, summary.state, summary.finished, summary.created, summary.updated],
        )?;
        let earlier = self.documents.remove(&summary.id);
        if let Some(document) = summary.document.as_ref().or(earlier.as_ref()) {
            self.execute(
                "INSERT INTO documents (number, document) VALUES (?1, ?2)
                 ON CONFLICT (number) DO UPDATE SET document = excluded.document",
                params![number, document],
            )?;
        }
        if summary.finished {
            self.numbers.remove(&summary.id);
        }
        Ok(rows)
    }

    fn remove_execution(&mut self, id: &str) -> rusqlite::Result<u64> {
        let number = self
            .connection
            .prepare_cached("SELECT number FROM executions WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, i64>(0))
            .optional()?;
        let Some(number) = number else { return Ok(0) };
        self.numbers.remove(id);
        let records =
            self.execute("DELETE FROM records WHERE position BETWEEN ?1 AND ?2", params![position(number, 0), position(number, u32::MAX)])?;
        self.execute("DELETE FROM documents WHERE number = ?1", [number])?;
        Ok(records + self.execute("DELETE FROM executions WHERE number = ?1", [number])?)
    }

    fn flow(&self, namespace: &str, id: &str, source: &str, updated: i64) -> rusqlite::Result<(u64, u32)> {
        let newest: Option<(u32, bool)> = self
            .connection
            .prepare_cached(
                "SELECT revision, deleted = 0 AND source = ?3 FROM flows
                 WHERE namespace = ?1 AND id = ?2 ORDER BY revision DESC LIMIT 1",
            )?
            .query_row(params![namespace, id, source], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let revision = match newest {
            Some((revision, true)) => return Ok((0, revision)),
            Some((revision, false)) => revision + 1,
            None => 1,
        };
        let rows = self.execute(
            "INSERT INTO flows (namespace, id, revision, source, updated) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![namespace, id, revision, source, updated],
        )?;
        Ok((rows, revision))
    }

    fn put_entry(&self, entry: &Entry) -> rusqlite::Result<u64> {
        self.execute(
            "INSERT INTO entries (namespace, key, value, description, expires, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (namespace, key) DO UPDATE SET
               value = excluded.value, description = excluded.description,
               expires = excluded.expires, updated = excluded.updated",
            params![entry.namespace, entry.key, entry.value, entry.description, entry.expires, entry.updated],
        )
    }

    fn execute(&self, sql: &str, values: impl Params) -> rusqlite::Result<u64> {
        let rows = self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(rows as u64)
    }
}

/// Where a record lies: its execution's number above, its position in the execution below.
pub(super) fn position(number: i64, seq: u32) -> i64 {
    (number << 32) | i64::from(seq)
}
