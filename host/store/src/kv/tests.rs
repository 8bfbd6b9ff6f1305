use serde_json::json;

use super::{Entry, Error, KeyValues, Kind};
use crate::storage::Storage;

fn entry(value: serde_json::Value, expires: Option<i64>) -> Entry {
    Entry { kind: Kind::Json, value, description: None, created: 0, updated: 0, expires }
}

/// The same on a disk and in a bucket.
fn stores() -> (tempfile::TempDir, [KeyValues; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let local = KeyValues::new(Storage::local(folder.path()));
    (folder, [local, KeyValues::new(Storage::memory())])
}

#[tokio::test]
async fn entries_are_set_read_listed_and_deleted_9() {
    let (_folder, stores) = stores();
    for kv in stores {
        assert_eq!(kv.get("a.b", "k", 0).await.unwrap(), None);
        kv.set("a.b", "k", &entry(json!([1]), None)).await.unwrap();
        kv.set("a.b", "k", &entry(json!([2]), None)).await.unwrap();
        kv.set("a.b", "l.x_Y-1", &entry(json!(null), None)).await.unwrap();
        assert_eq!(kv.get("a.b", "k", 0).await.unwrap().unwrap().value, json!([2]));
        let keys: Vec<String> = kv.list("a.b", 0).await.unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["k", "l.x_Y-1"]);
        assert!(kv.list("a", 0).await.unwrap().is_empty(), "a parent has its own");
        assert!(kv.delete("a.b", "k", 0).await.unwrap());
        assert!(!kv.delete("a.b", "k", 0).await.unwrap());
    }
}

#[tokio::test]
async fn an_expired_entry_counts_as_missing_9() {
    let (_folder, stores) = stores();
    for kv in stores {
        kv.set("n", "k", &entry(json!(1), Some(10))).await.unwrap();
        assert!(kv.get("n", "k", 9).await.unwrap().is_some());
        assert!(kv.get("n", "k", 10).await.unwrap().is_none());
        assert!(kv.list("n", 10).await.unwrap().is_empty());
        assert!(!kv.create("n", "k", &entry(json!(2), None), 9).await.unwrap());
        assert!(kv.create("n", "k", &entry(json!(2), Some(20)), 10).await.unwrap());
        assert_eq!(kv.purge("n", 19).await.unwrap(), 0);
        assert_eq!(kv.purge("n", 20).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn keys_that_would_lead_elsewhere_are_refused_9() {
    let kv = KeyValues::new(Storage::memory());
    for key in ["", ".x", "-x", "a/b", "..", "a b", "ä", &"k".repeat(257)] {
        assert!(matches!(kv.get("n", key, 0).await, Err(Error::Key { .. })), "{key}");
    }
    assert!(kv.get("..", "k", 0).await.is_err() && kv.get("a/../..", "k", 0).await.is_err());
}

#[tokio::test]
async fn a_damaged_entry_is_told_and_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let kv = KeyValues::new(Storage::local(folder.path()));
    kv.set("n", "good", &entry(json!(1), None)).await.unwrap();
    kv.set("n", "bad", &entry(json!(1), None)).await.unwrap();
    std::fs::write(folder.path().join("main/n/_kv/bad.json"), "{\"type\": \"STR").unwrap();
    let error = kv.get("n", "bad", 0).await.unwrap_err();
    assert_eq!(error.code(), "kv::damaged");
    assert!(error.to_string().contains("kestra:///n/_kv/bad.json"), "{error}");
    assert_eq!(kv.list("n", 0).await.unwrap().len(), 1);
    assert!(kv.delete("n", "bad", 0).await.unwrap());
}
