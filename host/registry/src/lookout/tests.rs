use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path, sync::mpsc::Receiver};

use tempfile::TempDir;

use super::*;
use crate::options::{Directory, Options};

struct Post {
    root: TempDir,
    news: Receiver<News>,
    _lookout: Lookout,
}

/// A directory `above/plugins` that is looked after, whether it is there or not.
fn post(there: bool) -> Post {
    let root = tempfile::tempdir().unwrap();
    let options =
        Options::new(root.path().join("cache"), Vec::new()).directory(Directory::default_place(root.path().join("above/plugins")));
    if there {
        make(&root.path().join("above/plugins"));
    }
    let (sender, news) = mpsc::channel();
    let registry = Registry::open(options, Vec::new());
    let lookout = Lookout::start(&registry, move |told| drop(sender.send(told))).unwrap();
    Post { root, news, _lookout: lookout }
}

fn make(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Post {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("above/plugins").join(name)
    }

    /// The next lines, without the directory.
    fn next(&self) -> Vec<String> {
        let news = self.news.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(news.unwatched, None);
        let folder = format!("{}/", self.root.path().join("above/plugins").display());
        news.lines.into_iter().map(|(_, line)| line.replace(&folder, "")).collect()
    }
}

const NOT_ELF: &str = "a.so: refused: it is a text file";

#[test]
fn a_text_is_told_and_so_is_its_end() {
    let post = post(true);
    fs::write(post.path("a.so"), "no library").unwrap();
    assert!(post.next()[0].starts_with(NOT_ELF));
    fs::remove_file(post.path("a.so")).unwrap();
    assert_eq!(post.next(), ["a.so: a restart changes nothing about it any more"]);
}

#[test]
fn what_is_no_library_is_no_news_and_hidden_files_are_not_either() {
    let post = post(true);
    for name in ["README", ".a.so.Xy12", "a.so.new", "a.so.status.json"] {
        fs::write(post.path(name), "text").unwrap();
    }
    fs::rename(post.path(".a.so.Xy12"), post.path("a.so")).unwrap();
    let told = post.next();
    assert!(told.len() == 1 && told[0].starts_with(NOT_ELF), "{told:?}");
}

#[test]
fn a_file_that_is_being_written_is_left_alone() {
    let post = post(true);
    fs::write(post.path("b.so"), "no library").unwrap();
    assert!(post.next()[0].starts_with("b.so"), "it has begun to look");
    let mut file = fs::File::create(post.path("a.so")).unwrap();
    file.write_all(b"no ").unwrap();
    assert_eq!(post.news.recv_timeout(SETTLE * 6), Err(RecvTimeoutError::Timeout), "it is not whole");
    file.write_all(b"library").unwrap();
    drop(file);
    assert!(post.next()[0].starts_with(NOT_ELF));
}

#[test]
fn a_directory_may_come_later_go_and_come_again() {
    let post = post(false);
    make(&post.path(""));
    fs::write(post.path("a.so"), "no library").unwrap();
    assert!(post.next()[0].starts_with(NOT_ELF));
    fs::rename(post.root.path().join("above"), post.root.path().join("other")).unwrap();
    assert_eq!(post.next(), ["a.so: a restart changes nothing about it any more"]);
    make(&post.path(""));
    fs::write(post.path("a.so"), "no library").unwrap();
    assert!(post.next()[0].starts_with(NOT_ELF));
}

#[test]
fn a_link_to_another_directory_is_followed() {
    let post = post(false);
    let root = post.root.path();
    fs::create_dir(root.join("above")).unwrap();
    for version in ["one", "two"] {
        make(&root.join(version));
        fs::write(root.join(version).join(format!("{version}.so")), "no library").unwrap();
    }
    std::os::unix::fs::symlink(root.join("one"), root.join("above/plugins")).unwrap();
    assert!(post.next()[0].starts_with("one.so: refused"));
    std::os::unix::fs::symlink(root.join("two"), root.join("above/next")).unwrap();
    fs::rename(root.join("above/next"), root.join("above/plugins")).unwrap();
    let told = post.next();
    assert!(told[0].starts_with("two.so: refused") && told[1].starts_with("one.so: a restart changes nothing"), "{told:?}");
}

#[test]
fn what_others_may_write_is_told() {
    let post = post(true);
    let staged = post.path("a.so.new");
    fs::write(&staged, "no library").unwrap();
    fs::set_permissions(&staged, fs::Permissions::from_mode(0o666)).unwrap();
    fs::rename(staged, post.path("a.so")).unwrap();
    let told = post.next();
    assert!(told[0].contains("everybody may write it"), "{told:?}");
    fs::set_permissions(post.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    let told = post.next();
    assert!(told[0].contains("everybody may write it") && !told[0].contains("a.so"), "{told:?}");
}

#[test]
fn without_events_the_directories_are_looked_at_and_that_is_told() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("plugins");
    make(&directory);
    let registry =
        Registry::open(Options::new(root.path().join("cache"), Vec::new()).directory(Directory::explicit(&directory)), Vec::new());
    let (sender, news) = mpsc::channel();
    let _lookout =
        Lookout::with(&registry, move |told| drop(sender.send(told)), |_| Err(notify::Error::generic("too many watches"))).unwrap();
    let first: News = news.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(first.unwatched.as_deref(), Some("too many watches"));
    fs::write(directory.join("a.so"), "no library").unwrap();
    let second = news.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(second.lines[0].1.contains("refused"), "{second:?}");
}
