use bytes::Bytes;

use super::{NamespaceFiles, Selection};
use crate::storage::Storage;

#[test]
fn globs_are_for_any_folder_when_they_begin_with_a_word_9_1() {
    let all = ["a.py", "dir/a.py", "dir/sub/b.csv", "_x.txt"];
    for (include, exclude, expected) in [
        (vec![], vec![], vec!["a.py", "dir/a.py", "dir/sub/b.csv", "_x.txt"]),
        (vec!["a.py"], vec![], vec!["a.py", "dir/a.py"]),
        (vec!["/a.py"], vec![], vec!["a.py"]),
        (vec!["*.py"], vec![], vec!["a.py", "dir/a.py"]),
        (vec!["**/*.py"], vec![], vec!["a.py", "dir/a.py"]),
        (vec!["/*.py"], vec![], vec!["a.py"]),
        (vec!["*/*.py"], vec![], vec!["dir/a.py"]),
        (vec!["./a.py"], vec![], vec!["a.py", "dir/a.py"]),
        (vec!["glob:/*.py"], vec![], vec!["a.py"]),
        (vec!["regex:/dir/.*"], vec!["regex:.*csv"], vec!["dir/a.py"]),
        (vec!["{a,b}.*"], vec![], vec!["a.py", "dir/a.py", "dir/sub/b.csv"]),
        (vec!["**.py"], vec![], vec!["a.py", "dir/a.py"]),
        (vec!["dir/**"], vec![], vec!["dir/a.py", "dir/sub/b.csv"]),
        (vec![], vec!["**.csv", "_x.txt"], vec!["a.py", "dir/a.py"]),
        (vec!["**/*.py"], vec!["dir/**"], vec!["a.py"]),
    ] {
        let selection = Selection::new(include.iter().copied(), exclude.iter().copied()).unwrap();
        let found: Vec<&str> = all.into_iter().filter(|path| selection.matches(path)).collect();
        assert_eq!(found, expected, "{include:?} without {exclude:?}");
    }
}

#[tokio::test]
async fn files_are_listed_by_their_paths_9() {
    let folder = tempfile::tempdir().unwrap();
    let storages = [Storage::local(folder.path()), Storage::memory()];
    for storage in storages {
        let files = NamespaceFiles::new(storage.clone());
        for (namespace, path) in [("a.b", "/x/ä b.txt"), ("a.b", "main.py"), ("a", "other.py")] {
            storage.put(&files.uri(namespace, path).unwrap(), Bytes::from_static(b"1")).await.unwrap();
        }
        let paths: Vec<String> = files.list("a.b", &Selection::default()).await.unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["main.py", "x/ä b.txt"]);
        assert_eq!(files.uri("a.b", "main.py").unwrap().to_string(), "kestra:///a/b/_files/main.py");
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused_9_1() {
    let files = NamespaceFiles::new(Storage::memory());
    for path in ["", "/", "../x", "a/../../x", "a//b", "./x", "_flows/x.yaml", "dir/"] {
        assert!(files.uri("a", path).is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_folder_becomes_namespace_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("sub/.git")).unwrap();
    for name in ["a.txt", "sub/b.txt", ".hidden", "sub/.git/c"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let files = NamespaceFiles::new(Storage::memory());
    assert_eq!(files.add_folder("n", folder.path()).await.unwrap(), 2);
    let paths: Vec<String> = files.list("n", &Selection::default()).await.unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["a.txt", "sub/b.txt"]);
}
