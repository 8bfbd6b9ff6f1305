//! Who runs what: each host has a lease that it renews; executions belong to hosts. A host whose lease has run out may be declared dead by
//! another one, which then owns its executions. Every transaction of a host renews its lease, or fails when it has been declared dead:
//! so a host that was away too long cannot write any more, whatever it still believes.

use std::time::Duration;

use tokio_postgres::{Client, Transaction};

use crate::journal::{Error, Result, Summary};

/// One host's life, from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub host: i64,
    pub length: Duration,
}

/// Executions that one claim takes at most, so that several hosts share what a dead one left.
const CLAIM: i64 = 64;

const RENEW: &str = "UPDATE hosts SET expires = clock_timestamp() + make_interval(secs => $2), committed = greatest(committed, $3)
     WHERE id = $1 AND alive";

impl Lease {
    pub async fn take(client: &Client, name: &str, length: Duration) -> Result<Self, tokio_postgres::Error> {
        let sql = "INSERT INTO hosts (name, expires) VALUES ($1, clock_timestamp() + make_interval(secs => $2)) RETURNING id";
        let row = client.query_one(sql, &[&name, &length.as_secs_f64()]).await?;
        Ok(Self { host: row.get(0), length })
    }

    /// Within a transaction: fences it. `false`: another host has taken over.
    pub async fn hold(&self, transaction: &Transaction<'_>, group: i64) -> Result<bool, tokio_postgres::Error> {
        let statement = transaction.prepare_typed(RENEW, &[]).await?;
        Ok(transaction.execute(&statement, &[&self.host, &self.length.as_secs_f64(), &group]).await? == 1)
    }

    /// Outside of one. `false`: another host has taken over.
    pub async fn renew(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        Ok(client.execute(RENEW, &[&self.host, &self.length.as_secs_f64(), &0_i64]).await? == 1)
    }

    /// The last group that is known to be committed: what a broken connection left open.
    pub async fn committed(&self, client: &Client) -> Result<i64, tokio_postgres::Error> {
        let row = client.query_opt("SELECT committed FROM hosts WHERE id = $1", &[&self.host]).await?;
        Ok(row.map_or(0, |row| row.get(0)))
    }

    /// Others need not wait until it runs out.
    pub async fn give_up(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client.execute("UPDATE hosts SET alive = false WHERE id = $1", &[&self.host]).await.map(drop)
    }

    /// Takes over one execution that nobody alive owns, whether it is over or not. Answers the name of the host that has it, when another one
    /// does.
    pub async fn adopt(&self, client: &mut Client, id: &str, place: &str) -> Result<Option<String>> {
        let failed = |error| Error::postgres(place, &error);
        let transaction = client.transaction().await.map_err(failed)?;
        if !self.hold(&transaction, 0).await.map_err(failed)? {
            return Err(Error::Fenced { place: place.to_owned() });
        }
        // First the row, then its owner: when the row had to be waited for, a join would answer with the owner of before.
        let sql = "SELECT CASE WHEN finished THEN NULL ELSE owner END FROM executions WHERE id = $1 FOR UPDATE";
        let owner: Option<i64> = transaction.query_opt(sql, &[&id]).await.map_err(failed)?.and_then(|row| row.get(0));
        let sql = "SELECT name FROM hosts WHERE id = $1 AND alive AND id <> $2";
        let found = transaction.query_opt(sql, &[&owner, &self.host]).await.map_err(failed)?;
        let elsewhere: Option<String> = found.map(|row| row.get(0));
        if elsewhere.is_none() {
            transaction.execute("UPDATE executions SET owner = $2 WHERE id = $1", &[&id, &self.host]).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(elsewhere)
    }

    /// Declares hosts dead whose leases have run out, and takes over executions that nobody alive owns.
    pub async fn claim(&self, client: &mut Client, place: &str) -> Result<Vec<Summary>> {
        let failed = |error| Error::postgres(place, &error);
        let transaction = client.transaction().await.map_err(failed)?;
        if !self.hold(&transaction, 0).await.map_err(failed)? {
            return Err(Error::Fenced { place: place.to_owned() });
        }
        // A renewal that is under way wins: the condition is looked at again once its row is free.
        let dead = "UPDATE hosts SET alive = false WHERE alive AND expires < clock_timestamp() AND id <> $1 RETURNING name";
        for row in transaction.query(dead, &[&self.host]).await.map_err(failed)? {
            tracing::warn!(host = row.get::<_, &str>(0), "the lease of another host has run out; its executions are taken over");
        }
        // By name, and not by a look into `hosts` for each row: a row that another host has just taken is looked at again, but only that row, so
        // its new owner would still pass for one that is not there. Who is dead stays dead.
        let dead = transaction.query("SELECT id FROM hosts WHERE NOT alive", &[]).await.map_err(failed)?;
        let dead: Vec<i64> = dead.iter().map(|row| row.get(0)).collect();
        let sql = "UPDATE executions SET owner = $1 WHERE number IN (
                 SELECT number FROM executions
                 WHERE NOT finished AND (owner IS NULL OR owner = ANY($3))
                 ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING number, id, namespace, flow_id, state, finished, created, updated";
        let mut rows = transaction.query(sql, &[&self.host, &CLAIM, &dead]).await.map_err(failed)?;
        // One that still owns something must be known to be dead.
        let old = "DELETE FROM hosts WHERE NOT alive AND expires < clock_timestamp() - interval '7 days'
             AND NOT EXISTS (SELECT 1 FROM executions WHERE executions.owner = hosts.id AND NOT finished)";
        transaction.execute(old, &[]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        rows.sort_by_key(|row| row.get::<_, i64>(0));
        Ok(rows.iter().map(|row| super::read::summary(row, 1)).collect())
    }
}
