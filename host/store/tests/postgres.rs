//! The journal in a real PostgreSQL, which `cargo xtask test` starts and names in `SWITCHYARD_POSTGRES`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use switchyard_store::journal::{Entry, Error, ExecutionFilter, Journal, Options, Record, Sharing, Summary, Write};
use tokio_postgres::{Client, NoTls};

/// A database of its own for one test.
struct Database {
    url: String,
}

impl Database {
    async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = std::env::var("SWITCHYARD_POSTGRES").expect("`cargo xtask test` starts a server and sets SWITCHYARD_POSTGRES");
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let server = connect(&format!("{base}/postgres")).await;
        server.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Self { url: format!("{base}/{name}") }
    }

    fn host(&self, name: &str) -> Journal {
        // So long that nothing depends on how fast this machine is.
        let sharing = Sharing { host: name.to_owned(), lease: Duration::from_secs(3600) };
        Journal::connect(&self.url, sharing, Options { patience: Duration::from_secs(30), ..Options::default() }).unwrap()
    }

    async fn client(&self) -> Client {
        let client = connect(&self.url).await;
        client.batch_execute("SET search_path = switchyard").await.unwrap();
        client
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn record(execution: &str, seq: u32) -> Record {
    Record { execution_id: execution.to_owned(), seq, kind: "task-run".to_owned(), payload: format!(r#"{{"seq":{seq}}}"#).into_bytes() }
}

fn summary(id: &str, state: &str, created: i64) -> Summary {
    Summary {
        id: id.to_owned(),
        namespace: "company.team".to_owned(),
        flow_id: "hello".to_owned(),
        state: state.to_owned(),
        finished: state == "SUCCESS",
        created,
        updated: created + 1,
        document: None,
    }
}

fn entry(key: &str, value: &str, expires: Option<i64>) -> Entry {
    Entry { namespace: "company".to_owned(), key: key.to_owned(), value: value.as_bytes().to_vec(), description: None, expires, updated: 5 }
}

fn ids(summaries: &[Summary]) -> Vec<&str> {
    summaries.iter().map(|summary| summary.id.as_str()).collect()
}

/// The same writes, then the same questions.
async fn story(journal: &Journal) -> Vec<String> {
    let mut answers = Vec::new();
    let mut tell = |what: String| answers.push(what);
    let tickets = (0..50).flat_map(|seq| ["b", "a", "c"].map(|id| journal.append(record(id, seq))));
    for result in join_all(tickets.collect::<Vec<_>>()).await {
        assert_eq!(result.unwrap().rows, 1);
    }
    let document = |text: &str| Some(text.as_bytes().to_vec());
    for (id, state, created) in [("a", "RUNNING", 10), ("b", "SUCCESS", 20), ("d", "PAUSED", 30)] {
        journal.commit_detached(vec![Write::Summary(Summary { document: document("old"), ..summary(id, "CREATED", created) })]);
        journal.summarize(summary(id, state, created)).await.unwrap();
    }
    journal.commit_detached(vec![Write::Summary(Summary { document: document("new"), ..summary("d", "PAUSED", 30) })]);
    tell(format!("{:?}", journal.load("a").await.unwrap()));
    tell(format!("{:?} {:?}", journal.execution("a").await.unwrap(), journal.execution("unknown").await.unwrap()));
    tell(format!("{:?}", journal.execution("d").await.unwrap()));
    let mut unfinished = journal.unfinished().await.unwrap();
    unfinished.sort_by(|one, other| one.id.cmp(&other.id));
    tell(format!("{:?}", ids(&unfinished)));
    let all = ExecutionFilter::default();
    let filters = [
        ExecutionFilter { namespace: Some("company".to_owned()), with_documents: true, ..all.clone() },
        ExecutionFilter { namespace: Some("comp".to_owned()), ..all.clone() },
        ExecutionFilter { states: vec!["RUNNING".to_owned(), "PAUSED".to_owned()], limit: 1, offset: 1, ..all.clone() },
        ExecutionFilter { flow_id: Some("hello".to_owned()), created_from: Some(20), created_before: Some(30), ..all.clone() },
        all,
    ];
    for filter in filters {
        let mut found = journal.list(filter.clone()).await.unwrap();
        if filter.limit == 0 {
            found.sort_by(|one, other| one.id.cmp(&other.id));
            tell(format!("{found:?}"));
        }
        tell(format!("{} of {}", found.len(), journal.count(filter).await.unwrap()));
    }
    for (source, now) in [("one", 1), ("one", 2), ("two", 3)] {
        tell(format!("revision {}", journal.save_flow("company", "hello", source, now).await.unwrap()));
    }
    journal.commit(vec![Write::RemoveFlow { namespace: "company".into(), id: "hello".into(), updated: 4 }]).await.unwrap();
    let flow = async |revision| journal.flow("company", "hello", revision).await.unwrap();
    tell(format!("{:?} {:?}", flow(None).await, flow(Some(1)).await));
    tell(format!("revision {}", journal.save_flow("company", "hello", "two", 5).await.unwrap()));
    journal.save_flow("company", "other", "x", 6).await.unwrap();
    tell(format!("{:?}", journal.flows().await.unwrap()));
    tell(format!("{:?}", journal.revisions("company", "hello").await.unwrap()));
    for (key, value, expires) in [("k", "1", None), ("k", "2", Some(50)), ("l", "3", Some(10)), ("Z", "4", None)] {
        journal.commit(vec![Write::PutEntry(entry(key, value, expires))]).await.unwrap();
    }
    for now in [40, 60] {
        let insert = Write::InsertEntry { entry: entry("k", "inserted", None), now };
        tell(format!("inserted {}", journal.commit(vec![insert]).await.unwrap().rows));
    }
    tell(format!("expired {}", journal.commit(vec![Write::ExpireEntries { now: 20 }]).await.unwrap().rows));
    tell(format!("{:?} {:?}", journal.entry("company", "k").await.unwrap(), journal.entries("company").await.unwrap()));
    for (key, value) in [("e-1-0", "first"), ("e-1-0", "second"), ("e-10", "third"), ("f%", "fourth")] {
        journal.save_checkpoint(key, value.as_bytes().to_vec()).await.unwrap();
    }
    tell(format!("{:?} {:?}", journal.checkpoint("e-1-0").await.unwrap(), journal.checkpoints("e-1").await.unwrap()));
    tell(format!("{:?}", journal.checkpoints("f%").await.unwrap()));
    journal.commit(vec![Write::RemoveCheckpoint { key: "e-10".into() }]).await.unwrap();
    tell(format!("{:?}", journal.checkpoints("e").await.unwrap()));
    tell(format!("removed {}", journal.commit(vec![Write::RemoveExecution { id: "b".into() }]).await.unwrap().rows > 0));
    tell(format!("{:?} {:?}", journal.load("b").await.unwrap(), journal.execution("b").await.unwrap()));
    // The id may come again.
    journal.append(record("b", 0)).await.unwrap();
    tell(format!("{:?}", journal.load("b").await.unwrap()));
    let wrong = journal.append(record("a", 7));
    let right = journal.append(record("a", 50));
    tell(format!("{} {}", wrong.await.unwrap_err(), right.await.unwrap().rows));
    answers
}

#[tokio::test]
async fn postgres_answers_as_sqlite_does() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Journal::open(directory.path(), Options::default()).unwrap();
    let database = Database::new().await;
    let host = database.host("one");
    let (found, expected) = (story(&host).await, story(&sqlite).await);
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "answer {at}");
    }
    assert_eq!(found.len(), expected.len());
    assert!(host.is_shared() && !sqlite.is_shared());
    // Everything is still there for another host.
    drop(host);
    assert_eq!(database.host("two").load("c").await.unwrap().len(), 50);
}

#[tokio::test]
async fn postgres_gives_executions_of_a_dead_host_to_another_one_and_fences_the_dead() {
    let database = Database::new().await;
    let (first, second, third) = (database.host("first"), database.host("second"), database.host("third"));
    for id in ["a", "b", "c"] {
        first.append(record(id, 0)).await.unwrap();
        first.summarize(summary(id, if id == "b" { "SUCCESS" } else { "RUNNING" }, 1)).await.unwrap();
    }
    second.summarize(summary("d", "RUNNING", 1)).await.unwrap();
    assert!(second.claim().await.unwrap().is_empty(), "their host lives");

    database.client().await.execute("UPDATE hosts SET expires = now() - interval '1 s' WHERE name = 'first'", &[]).await.unwrap();
    assert_eq!(ids(&second.claim().await.unwrap()), ["a", "c"]);
    assert!(third.claim().await.unwrap().is_empty(), "each is claimed once");
    assert_eq!(second.load("a").await.unwrap().len(), 1);
    second.append(record("a", 1)).await.unwrap();
    // The dead one comes back and still believes that they are its own.
    let error = first.append(record("c", 1)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }) && error.code() == "journal::fenced", "{error}");
    assert_eq!(first.append(record("c", 1)).await.unwrap_err().code(), "journal::stopped");
    assert!(second.append(record("c", 1)).await.is_ok());
    assert!(first.claim().await.is_err());
}

#[tokio::test]
async fn postgres_a_host_that_leaves_gives_up_at_once() {
    let database = Database::new().await;
    let (first, second) = (database.host("first"), database.host("second"));
    first.summarize(summary("a", "RUNNING", 1)).await.unwrap();
    assert!(second.claim().await.unwrap().is_empty());
    first.close().unwrap();
    assert_eq!(ids(&second.claim().await.unwrap()), ["a"]);
}

/// A late renewal is none the worse as long as nobody has taken over.
#[tokio::test]
async fn postgres_a_lease_that_ran_out_unnoticed_goes_on() {
    let database = Database::new().await;
    let (first, second) = (database.host("first"), database.host("second"));
    first.summarize(summary("a", "RUNNING", 1)).await.unwrap();
    database.client().await.execute("UPDATE hosts SET expires = now() - interval '1 s' WHERE name = 'first'", &[]).await.unwrap();
    first.append(record("a", 0)).await.unwrap();
    assert!(second.claim().await.unwrap().is_empty());
}

#[tokio::test]
async fn postgres_many_claim_at_once_and_each_execution_goes_to_one() {
    let database = Database::new().await;
    let dead = database.host("dead");
    let all: Vec<String> = (0..600).map(|number| format!("e{number:03}")).collect();
    for done in join_all(all.iter().map(|id| dead.summarize(summary(id, "RUNNING", 1)))).await {
        done.unwrap();
    }
    dead.close().unwrap();
    let hosts: Vec<Journal> = (0..6).map(|number| database.host(&format!("h{number}"))).collect();
    let claims = join_all(hosts.iter().map(|host| async move {
        let mut mine = Vec::new();
        loop {
            let claimed = host.claim().await.unwrap();
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.into_iter().map(|summary| summary.id));
        }
    }))
    .await;
    let mut claimed: Vec<String> = claims.concat();
    claimed.sort();
    assert_eq!(claimed, all);
}

#[tokio::test]
async fn postgres_many_adopt_at_once_and_one_has_it() {
    let database = Database::new().await;
    let dead = database.host("dead");
    let all: Vec<String> = (0..20).map(|number| format!("e{number:02}")).collect();
    for done in join_all(all.iter().map(|id| dead.summarize(summary(id, "RUNNING", 1)))).await {
        done.unwrap();
    }
    dead.close().unwrap();
    let hosts: Vec<Journal> = (0..6).map(|number| database.host(&format!("h{number}"))).collect();
    for id in &all {
        let answers = join_all(hosts.iter().map(|host| host.adopt(id))).await;
        let owners = answers.into_iter().filter(|answer| answer.as_ref().unwrap().is_none()).count();
        assert_eq!(owners, 1, "{id}");
    }
}

#[tokio::test]
async fn postgres_a_broken_connection_loses_nothing_and_writes_nothing_twice() {
    let database = Database::new().await;
    let host = database.host("one");
    host.append(record("e", 0)).await.unwrap();
    let client = database.client().await;
    for seq in 1..6 {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        client.query(others, &[]).await.unwrap();
        host.append(record("e", seq)).await.unwrap();
    }
    assert_eq!(host.load("e").await.unwrap(), (0..6).map(|seq| record("e", seq)).collect::<Vec<_>>());
}

#[tokio::test]
async fn postgres_one_wrong_submission_fails_alone() {
    let database = Database::new().await;
    let host = database.host("one");
    host.append(record("e", 0)).await.unwrap();
    let results = join_all([0, 1, 0, 2].map(|seq| host.append(record("e", seq)))).await;
    let results: Vec<_> = results.into_iter().map(|result| result.map(|done| done.rows).map_err(|error| error.code())).collect();
    assert_eq!(results, [Err("journal::duplicate"), Ok(1), Err("journal::duplicate"), Ok(1)]);
    // No text of the server's can hold it.
    assert!(host.commit(vec![Write::PutEntry(entry("a\0b", "x", None))]).await.is_err());
    host.append(record("e", 3)).await.unwrap();
}

#[tokio::test]
async fn postgres_many_hosts_may_make_the_tables() {
    let database = Database::new().await;
    let start = |number: u32| {
        let url = database.url.clone();
        let sharing = Sharing { host: format!("h{number}"), ..Sharing::default() };
        std::thread::spawn(move || Journal::connect(&url, sharing, Options::default()).map(drop))
    };
    let hosts: Vec<_> = (0..4).map(start).collect();
    for host in hosts {
        host.join().unwrap().unwrap();
    }
    database.client().await.execute("INSERT INTO version (known) VALUES (99)", &[]).await.unwrap();
    let error = Journal::connect(&database.url, Sharing::default(), Options::default()).map(drop).unwrap_err();
    assert_eq!(error.code(), "journal::newer", "{error}");
}

#[test]
fn postgres_what_is_no_server_is_explained() {
    let code = |url: &str| {
        let patience = Options { patience: Duration::ZERO, ..Options::default() };
        Journal::connect(url, Sharing::default(), patience).map(drop).unwrap_err()
    };
    assert_eq!(code("mysql://host/x").code(), "journal::address");
    let error = code("postgres://user:secret@127.0.0.1:1/journal");
    assert_eq!(error.code(), "journal::server");
    let text = error.to_string();
    assert!(text.contains("postgres://127.0.0.1:1/journal") && !text.contains("secret"), "{text}");
}
