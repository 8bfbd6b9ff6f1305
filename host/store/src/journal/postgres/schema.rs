//! The tables, and how an older journal gets them.

use tokio_postgres::Client;

use crate::journal::{Error, Result};

/// Each step once, in order; its number is the version of the schema. A released step never changes.
const STEPS: &[&str] = &["
CREATE TABLE hosts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL,
    alive     boolean NOT NULL DEFAULT true,
    expires   timestamptz NOT NULL,
    committed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE executions (
    number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id        text NOT NULL UNIQUE,
    owner     bigint,
    namespace text NOT NULL DEFAULT '',
    flow_id   text NOT NULL DEFAULT '',
    state     text NOT NULL DEFAULT '',
    finished  boolean NOT NULL DEFAULT false,
    created   bigint NOT NULL DEFAULT 0,
    updated   bigint NOT NULL DEFAULT 0
);
CREATE INDEX executions_unfinished ON executions (owner, number) WHERE NOT finished;
CREATE INDEX executions_by_flow ON executions (namespace, flow_id);
CREATE TABLE documents (id text PRIMARY KEY, document bytea NOT NULL);
CREATE TABLE records (
    execution_id text NOT NULL,
    seq          bigint NOT NULL,
    kind         text NOT NULL,
    payload      bytea NOT NULL,
    PRIMARY KEY (execution_id, seq)
);
CREATE TABLE checkpoints (key text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE flows (
    namespace text NOT NULL,
    id        text NOT NULL,
    revision  bigint NOT NULL,
    source    text NOT NULL,
    deleted   boolean NOT NULL DEFAULT false,
    updated   bigint NOT NULL,
    PRIMARY KEY (namespace, id, revision)
);
CREATE TABLE entries (
    namespace   text NOT NULL,
    key         text COLLATE \"C\" NOT NULL,
    value       bytea NOT NULL,
    description text,
    expires     bigint,
    updated     bigint NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX entries_expiring ON entries (expires) WHERE expires IS NOT NULL;
"];

/// Names our tables' place and the lock of those who make them.
pub(super) const SCHEMA: &str = "switchyard";
const LOCK: i64 = 0x5357_5944;

/// Makes what is missing. Several hosts may start at the same time.
pub(super) async fn migrate(client: &mut Client, place: &str) -> Result<()> {
    let failed = |error| Error::postgres(place, &error);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(failed)?;
    let preparation = format!(
        "CREATE SCHEMA IF NOT EXISTS {SCHEMA};
         CREATE TABLE IF NOT EXISTS version (known bigint NOT NULL);"
    );
    transaction.batch_execute(&preparation).await.map_err(failed)?;
    let found: i64 = transaction.query_one("SELECT coalesce(max(known), 0) FROM version", &[]).await.map_err(failed)?.get(0);
    let known = STEPS.len() as i64;
    if found > known {
        return Err(Error::Newer { path: place.into(), found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.batch_execute(step).await.map_err(failed)?;
    }
    if found < known {
        transaction.execute("INSERT INTO version (known) VALUES ($1)", &[&known]).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
