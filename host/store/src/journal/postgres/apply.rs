//! Writes as SQL: what many executions write goes out as a few statements over arrays.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join_all;
use tokio_postgres::{Transaction, types::ToSql};

use crate::journal::{Committed, Entry, Record, Summary, Write};

type Result<T> = std::result::Result<T, tokio_postgres::Error>;

/// Writes that wait to go out together. They touch different tables or different rows, so their order does not matter.
#[derive(Default)]
struct Batch<'w> {
    records: Vec<&'w Record>,
    /// The last one of each execution counts, with the last document.
    summaries: HashMap<&'w str, (&'w Summary, Option<&'w Vec<u8>>)>,
    checkpoints: HashMap<&'w str, &'w Vec<u8>>,
}

pub(super) struct Apply<'t, 'w> {
    transaction: &'t Transaction<'t>,
    host: i64,
    /// Executions whose rows are there.
    known: &'t mut HashSet<String>,
    /// Became known in this transaction, which may still fail.
    new: Vec<String>,
    batch: Batch<'w>,
}

impl<'t, 'w> Apply<'t, 'w> {
    pub(super) fn new(transaction: &'t Transaction<'t>, host: i64, known: &'t mut HashSet<String>) -> Self {
        Self { transaction, host, known, new: Vec::new(), batch: Batch::default() }
    }

    /// Takes writes; some are only sent with [`send`](Self::send).
    pub(super) async fn take(&mut self, writes: &'w [Write]) -> Result<Committed> {
        let mut committed = Committed::default();
        for write in writes {
            committed.rows += match write {
                Write::Record(record) => {
                    self.batch.records.push(record);
                    1
                }
                Write::Summary(summary) => {
                    let document = summary.document.as_ref();
                    let last = self.batch.summaries.entry(&summary.id).or_insert((summary, None));
                    *last = (summary, document.or(last.1));
                    1
                }
                Write::Checkpoint { key, value } => {
                    self.batch.checkpoints.insert(key, value);
                    1
                }
                other => {
                    self.send().await?;
                    self.alone(other, &mut committed).await?
                }
            };
        }
        Ok(committed)
    }

    /// Sends what waits.
    pub(super) async fn send(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let ids: HashSet<&str> = batch.records.iter().map(|record| record.execution_id.as_str()).collect();
        let unknown: Vec<&str> = ids.into_iter().filter(|id| !self.known.contains(*id) && !batch.summaries.contains_key(id)).collect();
        if !unknown.is_empty() {
            let sql = "INSERT INTO executions (id, owner) SELECT id, $2 FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING";
            self.run(sql, &[&unknown, &self.host]).await?;
        }
        // All are under way before the first is answered.
        try_join_all([
            Box::pin(self.records(&batch.records)) as std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>>,
            Box::pin(self.summaries(&batch.summaries)),
            Box::pin(self.documents(&batch.summaries)),
            Box::pin(self.checkpoints(&batch.checkpoints)),
        ])
        .await?;
        let rows = unknown.into_iter().chain(batch.summaries.keys().copied());
        for id in rows {
            if self.known.insert(id.to_owned()) {
                self.new.push(id.to_owned());
            }
        }
        for (summary, _) in batch.summaries.values().filter(|(summary, _)| summary.finished) {
            self.known.remove(&summary.id);
        }
        Ok(())
    }

    async fn run(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        // Prepared once per connection: the statement's text is its name.
        let statement = self.transaction.prepare(sql).await?;
        self.transaction.execute(&statement, values).await
    }

    async fn records(&self, records: &[&Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = records.iter().map(|record| record.execution_id.as_str()).collect();
        let seqs: Vec<i64> = records.iter().map(|record| i64::from(record.seq)).collect();
        let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
        let payloads: Vec<&[u8]> = records.iter().map(|record| record.payload.as_slice()).collect();
        let sql = "INSERT INTO records (execution_id, seq, kind, payload)
             SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])";
        self.run(sql, &[&ids, &seqs, &kinds, &payloads]).await.map(drop)
    }

    async fn summaries(&self, summaries: &HashMap<&str, (&Summary, Option<&Vec<u8>>)>) -> Result<()> {
        if summaries.is_empty() {
            return Ok(());
        }
        let mut all: Vec<&Summary> = summaries.values().map(|(summary, _)| *summary).collect();
        // Every host locks rows in one order.
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        fn column<'s, T>(all: &[&'s Summary], of: impl Fn(&'s Summary) -> T) -> Vec<T> {
            all.iter().map(|summary| of(summary)).collect()
        }
        let sql = "INSERT INTO executions (id, namespace, flow_id, state, finished, created, updated, owner)
             SELECT *, $8::bigint FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[])
             ON CONFLICT (id) DO UPDATE SET namespace = excluded.namespace, flow_id = excluded.flow_id, state = excluded.state,
               finished = excluded.finished, created = excluded.created, updated = excluded.updated";
        let values: [&(dyn ToSql + Sync); 8] = [
            &column(&all, |s| s.id.as_str()),
            &column(&all, |s| s.namespace.as_str()),
            &column(&all, |s| s.flow_id.as_str()),
            &column(&all, |s| s.state.as_str()),
            &column(&all, |s| s.finished),
            &column(&all, |s| s.created),
            &column(&all, |s| s.updated),
            &self.host,
        ];
        self.run(sql, &values).await.map(drop)
    }

    async fn documents(&self, summaries: &HashMap<&str, (&Summary, Option<&Vec<u8>>)>) -> Result<()> {
        let mut found: Vec<(&str, &[u8])> =
            summaries.iter().filter_map(|(id, (_, document))| Some((*id, document.as_deref()?.as_slice()))).collect();
        if found.is_empty() {
            return Ok(());
        }
        found.sort_unstable_by_key(|(id, _)| *id);
        let (ids, documents): (Vec<&str>, Vec<&[u8]>) = found.into_iter().unzip();
        let sql = "INSERT INTO documents (id, document) SELECT * FROM unnest($1::text[], $2::bytea[])
             ON CONFLICT (id) DO UPDATE SET document = excluded.document";
        self.run(sql, &[&ids, &documents]).await.map(drop)
    }

    async fn checkpoints(&self, checkpoints: &HashMap<&str, &Vec<u8>>) -> Result<()> {
        if checkpoints.is_empty() {
            return Ok(());
        }
        let mut found: Vec<(&str, &[u8])> = checkpoints.iter().map(|(key, value)| (*key, value.as_slice())).collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        let (keys, values): (Vec<&str>, Vec<&[u8]>) = found.into_iter().unzip();
        let sql = "INSERT INTO checkpoints (key, value) SELECT * FROM unnest($1::text[], $2::bytea[])
             ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.run(sql, &[&keys, &values]).await.map(drop)
    }

    async fn alone(&mut self, write: &Write, committed: &mut Committed) -> Result<u64> {
        match write {
            Write::RemoveExecution { id } => {
                self.known.remove(id);
                let records = self.run("DELETE FROM records WHERE execution_id = $1", &[id]).await?;
                self.run("DELETE FROM documents WHERE id = $1", &[id]).await?;
                Ok(records + self.run("DELETE FROM executions WHERE id = $1", &[id]).await?)
            }
            Write::RemoveCheckpoint { key } => self.run("DELETE FROM checkpoints WHERE key = $1", &[key]).await,
            Write::Flow { namespace, id, source, updated } => {
                let (rows, revision) = self.flow(namespace, id, source, *updated).await?;
                committed.revision = Some(revision);
                Ok(rows)
            }
            Write::RemoveFlow { namespace, id, updated } => {
                self.one_at_a_time(namespace, id).await?;
                let sql = "INSERT INTO flows (namespace, id, revision, source, deleted, updated)
                     SELECT namespace, id, revision + 1, source, true, $3 FROM flows
                     WHERE namespace = $1 AND id = $2 AND NOT deleted
                       AND revision = (SELECT max(revision) FROM flows WHERE namespace = $1 AND id = $2)";
                self.run(sql, &[namespace, id, updated]).await
            }
            Write::PutEntry(entry) => self.put_entry(entry, "DO UPDATE SET value = excluded.value, description = excluded.description, expires = excluded.expires, updated = excluded.updated").await,
            Write::InsertEntry { entry, now } => {
                let sql = "DELETE FROM entries WHERE namespace = $1 AND key = $2 AND expires <= $3";
                self.run(sql, &[&entry.namespace, &entry.key, now]).await?;
                self.put_entry(entry, "DO NOTHING").await
            }
            Write::RemoveEntry { namespace, key } => {
                self.run("DELETE FROM entries WHERE namespace = $1 AND key = $2", &[namespace, key]).await
            }
            Write::ExpireEntries { now } => self.run("DELETE FROM entries WHERE expires <= $1", &[now]).await,
            // Batched by the caller.
            Write::Record(_) | Write::Summary(_) | Write::Checkpoint { .. } => Ok(0),
        }
    }

    async fn put_entry(&self, entry: &Entry, conflict: &str) -> Result<u64> {
        let sql = format!(
            "INSERT INTO entries (namespace, key, value, description, expires, updated)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (namespace, key) {conflict}"
        );
        self.run(&sql, &[&entry.namespace, &entry.key, &entry.value, &entry.description, &entry.expires, &entry.updated]).await
    }

    /// Two hosts that save one flow must not give it one revision twice.
    async fn one_at_a_time(&self, namespace: &str, id: &str) -> Result<()> {
        let name = format!("{namespace}/{id}");
        self.run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&name]).await.map(drop)
    }

    async fn flow(&self, namespace: &str, id: &str, source: &str, updated: i64) -> Result<(u64, u32)> {
        self.one_at_a_time(namespace, id).await?;
        let sql = "SELECT revision, NOT deleted AND source = $3 FROM flows
             WHERE namespace = $1 AND id = $2 ORDER BY revision DESC LIMIT 1";
        let newest = self.transaction.query_opt(sql, &[&namespace, &id, &source]).await?;
        let revision = match newest.map(|row| (row.get::<_, i64>(0), row.get::<_, bool>(1))) {
            Some((revision, true)) => return Ok((0, u32::try_from(revision).unwrap_or_default())),
            Some((revision, false)) => revision + 1,
            None => 1,
        };
        let sql = "INSERT INTO flows (namespace, id, revision, source, updated) VALUES ($1, $2, $3, $4, $5)";
        let rows = self.run(sql, &[&namespace, &id, &revision, &source, &updated]).await?;
        Ok((rows, u32::try_from(revision).unwrap_or_default()))
    }

    /// The transaction did not happen.
    pub(super) fn forget(self) {
        for id in &self.new {
            self.known.remove(id);
        }
    }
}
