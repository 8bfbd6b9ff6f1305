//! Queries.

use tokio_postgres::{Client, Row, types::ToSql};

use crate::journal::{Entry, ExecutionFilter, FlowSource, Record, Summary};

type Result<T> = std::result::Result<T, tokio_postgres::Error>;

const SUMMARY: &str = "SELECT id, namespace, flow_id, state, finished, created, updated, document
     FROM executions LEFT JOIN documents USING (id)";
const FLOW: &str = "SELECT namespace, id, revision, source, deleted, updated FROM flows";
const ENTRY: &str = "SELECT namespace, key, value, description, expires, updated FROM entries";
const FILTER: &str = "state <> ''
    AND ($1::text IS NULL OR namespace = $1 OR starts_with(namespace, $1 || '.'))
    AND ($2::text IS NULL OR flow_id = $2)
    AND ($3::text[] IS NULL OR state = ANY ($3))
    AND ($4::bigint IS NULL OR created >= $4)
    AND ($5::bigint IS NULL OR created < $5)";

pub(super) async fn records(client: &Client, id: &str) -> Result<Vec<Record>> {
    let rows = client.query("SELECT seq, kind, payload FROM records WHERE execution_id = $1 ORDER BY seq", &[&id]).await?;
    let record = |row: &Row| Record { execution_id: id.to_owned(), seq: small(row.get(0)), kind: row.get(1), payload: row.get(2) };
    Ok(rows.iter().map(record).collect())
}

pub(super) async fn execution(client: &Client, id: &str) -> Result<Option<Summary>> {
    let row = client.query_opt(&format!("{SUMMARY} WHERE id = $1 AND state <> ''"), &[&id]).await?;
    Ok(row.map(|row| with_document(&row)))
}

pub(super) async fn unfinished(client: &Client) -> Result<Vec<Summary>> {
    let rows = client.query(&format!("{SUMMARY} WHERE NOT finished ORDER BY number"), &[]).await?;
    Ok(rows.iter().map(with_document).collect())
}

fn filter(filter: &ExecutionFilter) -> [Box<dyn ToSql + Sync + Send>; 5] {
    let states = (!filter.states.is_empty()).then(|| filter.states.clone());
    [
        Box::new(filter.namespace.clone()),
        Box::new(filter.flow_id.clone()),
        Box::new(states),
        Box::new(filter.created_from),
        Box::new(filter.created_before),
    ]
}

fn borrowed(values: &[Box<dyn ToSql + Sync + Send>]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}

pub(super) async fn executions(client: &Client, wanted: &ExecutionFilter) -> Result<Vec<Summary>> {
    let document =
        if wanted.with_documents { "(SELECT document FROM documents WHERE documents.id = executions.id)" } else { "NULL::bytea" };
    let sql = format!(
        "SELECT id, namespace, flow_id, state, finished, created, updated, {document}
         FROM executions WHERE {FILTER} ORDER BY number DESC LIMIT $6 OFFSET $7"
    );
    let values = filter(wanted);
    let (limit, offset) = ((wanted.limit > 0).then_some(i64::from(wanted.limit)), i64::from(wanted.offset));
    let mut values = borrowed(&values);
    values.extend([&limit as &(dyn ToSql + Sync), &offset]);
    Ok(client.query(&sql, &values).await?.iter().map(with_document).collect())
}

pub(super) async fn count(client: &Client, wanted: &ExecutionFilter) -> Result<u64> {
    let values = filter(wanted);
    let row = client.query_one(&format!("SELECT count(*) FROM executions WHERE {FILTER}"), &borrowed(&values)).await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

pub(super) async fn flow(client: &Client, namespace: &str, id: &str, revision: Option<u32>) -> Result<Option<FlowSource>> {
    let sql = format!("{FLOW} WHERE namespace = $1 AND id = $2 AND ($3::bigint IS NULL OR revision = $3) ORDER BY revision DESC LIMIT 1");
    let row = client.query_opt(&sql, &[&namespace, &id, &revision.map(i64::from)]).await?;
    Ok(row.as_ref().map(flow_source).filter(|flow| revision.is_some() || !flow.deleted))
}

pub(super) async fn flows(client: &Client) -> Result<Vec<FlowSource>> {
    let sql = "SELECT namespace, id, revision, source, deleted, updated FROM (
             SELECT DISTINCT ON (namespace, id) * FROM flows ORDER BY namespace, id, revision DESC) AS newest
         WHERE NOT deleted ORDER BY namespace COLLATE \"C\", id COLLATE \"C\"";
    Ok(client.query(sql, &[]).await?.iter().map(flow_source).collect())
}

pub(super) async fn revisions(client: &Client, namespace: &str, id: &str) -> Result<Vec<FlowSource>> {
    let rows = client.query(&format!("{FLOW} WHERE namespace = $1 AND id = $2 ORDER BY revision"), &[&namespace, &id]).await?;
    Ok(rows.iter().map(flow_source).collect())
}

pub(super) async fn entry(client: &Client, namespace: &str, key: &str) -> Result<Option<Entry>> {
    let row = client.query_opt(&format!("{ENTRY} WHERE namespace = $1 AND key = $2"), &[&namespace, &key]).await?;
    Ok(row.as_ref().map(key_value))
}

pub(super) async fn entries(client: &Client, namespace: &str) -> Result<Vec<Entry>> {
    let rows = client.query(&format!("{ENTRY} WHERE namespace = $1 ORDER BY key"), &[&namespace]).await?;
    Ok(rows.iter().map(key_value).collect())
}

pub(super) async fn checkpoint(client: &Client, key: &str) -> Result<Option<Vec<u8>>> {
    Ok(client.query_opt("SELECT value FROM checkpoints WHERE key = $1", &[&key]).await?.map(|row| row.get(0)))
}

pub(super) async fn checkpoints(client: &Client, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let sql = "SELECT key, value FROM checkpoints WHERE key >= $1 AND starts_with(key, $1) ORDER BY key";
    Ok(client.query(sql, &[&prefix]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Without its document; the columns begin at `at`.
pub(super) fn summary(row: &Row, at: usize) -> Summary {
    Summary {
        id: row.get(at),
        namespace: row.get(at + 1),
        flow_id: row.get(at + 2),
        state: row.get(at + 3),
        finished: row.get(at + 4),
        created: row.get(at + 5),
        updated: row.get(at + 6),
        document: None,
    }
}

fn with_document(row: &Row) -> Summary {
    Summary { document: row.get(7), ..summary(row, 0) }
}

fn flow_source(row: &Row) -> FlowSource {
    FlowSource {
        namespace: row.get(0),
        id: row.get(1),
        revision: small(row.get(2)),
        source: row.get(3),
        deleted: row.get(4),
        updated: row.get(5),
    }
}

fn key_value(row: &Row) -> Entry {
    Entry { namespace: row.get(0), key: row.get(1), value: row.get(2), description: row.get(3), expires: row.get(4), updated: row.get(5) }
}

/// What was written as `u32` comes back as one.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
