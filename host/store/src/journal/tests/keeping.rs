use futures_util::future::join_all;

use super::{record, summary};
use crate::journal::{Entry, ExecutionFilter, Journal, Options, Record, Summary, Write};

fn journal() -> (tempfile::TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path(), Options::default()).unwrap();
    (directory, journal)
}

#[tokio::test]
async fn records_come_back_in_order_after_reopening() {
    let (directory, journal) = journal();
    let ids = ["b", "a", "c"];
    let tickets = (0..100).flat_map(|seq| ids.map(|id| journal.append(record(id, seq))));
    for result in join_all(tickets.collect::<Vec<_>>()).await {
        assert_eq!(result.unwrap().rows, 1);
    }
    drop(journal);
    let journal = Journal::open(directory.path(), Options::default()).unwrap();
    for id in ids {
        let expected: Vec<Record> = (0..100).map(|seq| record(id, seq)).collect();
        assert_eq!(journal.load(id).await.unwrap(), expected);
    }
    assert_eq!(journal.load("unknown").await.unwrap(), []);
}

#[tokio::test]
async fn reads_see_detached_writes() {
    let (_directory, journal) = journal();
    for seq in 0..1_000 {
        journal.append_detached(record("e", seq));
    }
    assert_eq!(journal.load("e").await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_full_queue_slows_the_caller_down_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { queue: 2, group: 3, ..Options::default() };
    let journal = Journal::open(directory.path(), options).unwrap();
    for seq in 0..200 {
        journal.append_detached(record("e", seq));
    }
    assert_eq!(journal.load("e").await.unwrap().len(), 200);
}

#[tokio::test]
async fn the_last_summary_and_the_last_document_win() {
    let (_directory, journal) = journal();
    let with =
        |state: &str, document: Option<&str>| Summary { document: document.map(|text| text.as_bytes().to_vec()), ..summary("e", state) };
    journal.commit_detached(vec![Write::Summary(with("CREATED", Some("one")))]);
    journal.commit_detached(vec![Write::Summary(with("RUNNING", Some("two")))]);
    journal.commit_detached(vec![Write::Summary(with("PAUSED", None))]);
    let found = journal.execution("e").await.unwrap().unwrap();
    assert_eq!((found.state.as_str(), found.document.as_deref()), ("PAUSED", Some(&b"two"[..])));
    assert_eq!(journal.unfinished().await.unwrap(), [found]);
    journal.summarize(with("SUCCESS", None)).await.unwrap();
    assert_eq!(journal.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn an_execution_with_records_alone_is_unfinished() {
    let (_directory, journal) = journal();
    journal.append(record("e", 0)).await.unwrap();
    let ids: Vec<String> = journal.unfinished().await.unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(ids, ["e"]);
    assert_eq!(journal.list(ExecutionFilter::default()).await.unwrap(), []);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (_directory, journal) = journal();
    let rows = [
        ("1", "company.team", "a", "SUCCESS", 10),
        ("2", "company.team.sub", "a", "FAILED", 20),
        ("3", "company.teams", "a", "SUCCESS", 30),
        ("4", "company.team", "b", "RUNNING", 40),
    ];
    for (id, namespace, flow_id, state, created) in rows {
        let row = Summary { namespace: namespace.into(), flow_id: flow_id.into(), created, ..summary(id, state) };
        journal.summarize(row).await.unwrap();
    }
    let all = ExecutionFilter::default;
    let table = [
        (all(), "4 3 2 1", 4),
        (ExecutionFilter { namespace: Some("company.team".into()), ..all() }, "4 2 1", 3),
        (ExecutionFilter { flow_id: Some("a".into()), ..all() }, "3 2 1", 3),
        (ExecutionFilter { states: vec!["FAILED".into(), "RUNNING".into()], ..all() }, "4 2", 2),
        (ExecutionFilter { created_from: Some(20), created_before: Some(40), ..all() }, "3 2", 2),
        (ExecutionFilter { limit: 2, offset: 1, ..all() }, "3 2", 4),
    ];
    for (filter, expected, count) in table {
        let rows = journal.list(filter.clone()).await.unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.join(" "), expected, "{filter:?}");
        assert_eq!(journal.count(filter).await.unwrap(), count);
    }
}

#[tokio::test]
async fn removing_an_execution_leaves_the_others() {
    let (_directory, journal) = journal();
    for id in ["a", "b"] {
        journal.append_detached(record(id, 0));
        journal.summarize(summary(id, "SUCCESS")).await.unwrap();
    }
    let removal = Write::RemoveExecution { id: "a".into() };
    assert_eq!(journal.commit(vec![removal]).await.unwrap().rows, 2);
    assert_eq!(journal.load("a").await.unwrap(), []);
    assert_eq!(journal.execution("a").await.unwrap(), None);
    assert_eq!(journal.load("b").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_flow_gets_a_revision_only_when_its_source_changes() {
    let (_directory, journal) = journal();
    let save = |source: &'static str| journal.save_flow("ns", "f", source, 1);
    assert_eq!(save("id: f").await.unwrap(), 1);
    assert_eq!(save("id: f").await.unwrap(), 1);
    assert_eq!(save("id: f # new").await.unwrap(), 2);
    let removal = || Write::RemoveFlow { namespace: "ns".into(), id: "f".into(), updated: 2 };
    assert_eq!(journal.commit(vec![removal()]).await.unwrap().rows, 1);
    assert_eq!(journal.commit(vec![removal()]).await.unwrap().rows, 0);
    assert_eq!(journal.flow("ns", "f", None).await.unwrap(), None);
    assert_eq!(journal.flows().await.unwrap(), []);
    assert_eq!(journal.flow("ns", "f", Some(1)).await.unwrap().unwrap().source, "id: f");
    assert_eq!(save("id: f # new").await.unwrap(), 4);
    let revisions = journal.revisions("ns", "f").await.unwrap();
    let shape: Vec<(u32, bool)> = revisions.iter().map(|r| (r.revision, r.deleted)).collect();
    assert_eq!(shape, [(1, false), (2, false), (3, true), (4, false)]);
}

#[tokio::test]
async fn an_entry_is_inserted_only_where_none_lives() {
    let (_directory, journal) = journal();
    let entry = |value: &str, expires| Entry {
        namespace: "ns".into(),
        key: "k".into(),
        value: value.as_bytes().to_vec(),
        description: None,
        expires,
        updated: 0,
    };
    let insert = |value: &str, expires, now| journal.commit(vec![Write::InsertEntry { entry: entry(value, expires), now }]);
    assert_eq!(insert("1", Some(100), 0).await.unwrap().rows, 1);
    assert_eq!(insert("2", None, 50).await.unwrap().rows, 0);
    assert_eq!(journal.entry("ns", "k").await.unwrap(), Some(entry("1", Some(100))));
    assert_eq!(insert("3", None, 100).await.unwrap().rows, 1);
    assert_eq!(journal.entries("ns").await.unwrap(), [entry("3", None)]);
}

#[tokio::test]
async fn checkpoints_are_found_by_prefix() {
    let (_directory, journal) = journal();
    for key in ["e1/a", "e1/b", "e2/a", "e1%"] {
        journal.save_checkpoint(key, key.as_bytes().to_vec()).await.unwrap();
    }
    journal.commit_detached(vec![Write::RemoveCheckpoint { key: "e1/b".into() }]);
    let found = journal.checkpoints("e1/").await.unwrap();
    assert_eq!(found, [("e1/a".to_owned(), b"e1/a".to_vec())]);
    assert_eq!(journal.checkpoint("e2/a").await.unwrap(), Some(b"e2/a".to_vec()));
}

#[tokio::test]
async fn switched_off_it_keeps_nothing() {
    let journal = Journal::off();
    assert_eq!(journal.append(record("e", 0)).await.unwrap().rows, 1);
    assert_eq!(journal.load("e").await.unwrap(), []);
    journal.close().unwrap();
}
