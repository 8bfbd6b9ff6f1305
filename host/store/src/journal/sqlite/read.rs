//! Queries.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::apply::position;
use crate::journal::{Entry, ExecutionFilter, FlowSource, Record, Summary};

const SUMMARY: &str = "SELECT id, namespace, flow_id, state, finished, created, updated, document
     FROM executions LEFT JOIN documents USING (number)";
const FLOW: &str = "SELECT namespace, id, revision, source, deleted, updated FROM flows";
const ENTRY: &str = "SELECT namespace, key, value, description, expires, updated FROM entries";
const FILTER: &str = "state <> ''
    AND (:namespace IS NULL OR namespace = :namespace
         OR (namespace > :namespace || '.' AND namespace < :namespace || '/'))
    AND (:flow_id IS NULL OR flow_id = :flow_id)
    AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
    AND (:created_from IS NULL OR created >= :created_from)
    AND (:created_before IS NULL OR created < :created_before)";

pub(super) fn records(connection: &Connection, id: &str) -> rusqlite::Result<Vec<Record>> {
    let number =
        connection.prepare_cached("SELECT number FROM executions WHERE id = ?1")?.query_row([id], |row| row.get::<_, i64>(0)).optional()?;
    let Some(number) = number else {
        return Ok(Vec::new());
    };
    connection
        .prepare_cached(
            "SELECT position & 0xFFFFFFFF, kind, payload FROM records WHERE position BETWEEN ?1 AND ?2
             ORDER BY position",
        )?
        .query_map(params![position(number, 0), position(number, u32::MAX)], |row| {
            Ok(Record { execution_id: id.to_owned(), seq: row.get(0)?, kind: row.get(1)?, payload: row.get(2)? })
        })?
        .collect()
}

pub(super) fn execution(connection: &Connection, id: &str) -> rusqlite::Result<Option<Summary>> {
    connection.prepare_cached(&format!("{SUMMARY} WHERE id = ?1 AND state <> ''"))?.query_row([id], summary).optional()
}

pub(super) fn unfinished(connection: &Connection) -> rusqlite::Result<Vec<Summary>> {
    connection.prepare_cached(&format!("{SUMMARY} WHERE finished = 0 ORDER BY number"))?.query_map([], summary)?.collect()
}

pub(super) fn executions(connection: &Connection, filter: &ExecutionFilter) -> rusqlite::Result<Vec<Summary>> {
    let document =
        if filter.with_documents { "(SELECT document FROM documents WHERE documents.number = executions.number)" } else { "NULL" };
    let sql = format!(
        "SELECT id, namespace, flow_id, state, finished, created, updated, {document}
         FROM executions WHERE {FILTER} ORDER BY number DESC LIMIT :limit OFFSET :offset"
    );
    let limit = match filter.limit {
        0 => -1,
        limit => i64::from(limit),
    };
    connection
        .prepare_cached(&sql)?
        .query_map(
            named_params! {
                ":namespace": filter.namespace, ":flow_id": filter.flow_id, ":states": states(filter),
                ":created_from": filter.created_from, ":created_before": filter.created_before,
                ":limit": limit, ":offset": filter.offset,
            },
            summary,
        )?
        .collect()
}

pub(super) fn count(connection: &Connection, filter: &ExecutionFilter) -> rusqlite::Result<u64> {
    let count: i64 = connection.prepare_cached(&format!("SELECT count(*) FROM executions WHERE {FILTER}"))?.query_row(
        named_params! {
            ":namespace": filter.namespace, ":flow_id": filter.flow_id, ":states": states(filter),
            ":created_from": filter.created_from, ":created_before": filter.created_before,
        },
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

fn states(filter: &ExecutionFilter) -> Option<String> {
    (!filter.states.is_empty()).then(|| serde_json::Value::from(filter.states.clone()).to_string())
}

pub(super) fn flow(connection: &Connection, namespace: &str, id: &str, revision: Option<u32>) -> rusqlite::Result<Option<FlowSource>> {
    let found = connection
        .prepare_cached(&format!(
            "{FLOW} WHERE namespace = ?1 AND id = ?2 AND (?3 IS NULL OR revision = ?3)
             ORDER BY revision DESC LIMIT 1"
        ))?
        .query_row(params![namespace, id, revision], flow_source)
        .optional()?;
    Ok(found.filter(|flow| revision.is_some() || !flow.deleted))
}

pub(super) fn flows(connection: &Connection) -> rusqlite::Result<Vec<FlowSource>> {
    connection
        .prepare_cached(&format!(
            "{FLOW} AS newest WHERE deleted = 0 AND revision =
               (SELECT max(revision) FROM flows WHERE namespace = newest.namespace AND id = newest.id)
             ORDER BY namespace, id"
        ))?
        .query_map([], flow_source)?
        .collect()
}

pub(super) fn revisions(connection: &Connection, namespace: &str, id: &str) -> rusqlite::Result<Vec<FlowSource>> {
    connection
        .prepare_cached(&format!("{FLOW} WHERE namespace = ?1 AND id = ?2 ORDER BY revision"))?
        .query_map(params![namespace, id], flow_source)?
        .collect()
}

pub(super) fn entry(connection: &Connection, namespace: &str, key: &str) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(&format!("{ENTRY} WHERE namespace = ?1 AND key = ?2"))?
        .query_row(params![namespace, key], key_value)
        .optional()
}

pub(super) fn entries(connection: &Connection, namespace: &str) -> rusqlite::Result<Vec<Entry>> {
    connection.prepare_cached(&format!("{ENTRY} WHERE namespace = ?1 ORDER BY key"))?.query_map([namespace], key_value)?.collect()
}

pub(super) fn checkpoint(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached("SELECT value FROM checkpoints WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

pub(super) fn checkpoints(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    connection
        .prepare_cached(
            "SELECT key, value FROM checkpoints
             WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
        )?
        .query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        namespace: row.get(1)?,
        flow_id: row.get(2)?,
        state: row.get(3)?,
        finished: row.get(4)?,
        created: row.get(5)?,
        updated: row.get(6)?,
        document: row.get(7)?,
    })
}

fn flow_source(row: &Row<'_>) -> rusqlite::Result<FlowSource> {
    Ok(FlowSource {
        namespace: row.get(0)?,
        id: row.get(1)?,
        revision: row.get(2)?,
        source: row.get(3)?,
        deleted: row.get(4)?,
        updated: row.get(5)?,
    })
}

fn key_value(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        namespace: row.get(0)?,
        key: row.get(1)?,
        value: row.get(2)?,
        description: row.get(3)?,
        expires: row.get(4)?,
        updated: row.get(5)?,
    })
}
