use std::{fs, path::Path};

use super::{Unpacker, Wanted};

/// An archive with these entries: name, kind, content or link target. The writer of the `tar` crate refuses hostile names, so they are put
/// into the header by hand.
fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let data = if *kind == tar::EntryType::Regular { content.as_bytes() } else { b"" };
        header.set_size(data.len() as u64);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if data.is_empty() {
            header.as_gnu_mut().unwrap().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpack(directory: &Path, entries: &[(&str, tar::EntryType, &str)]) -> Vec<String> {
    let archive = archive(entries);
    Unpacker::new(directory, &Wanted::Everything).run(archive.as_slice()).unwrap().warnings
}

#[test]
fn d10_k3_a_hostile_archive_writes_nothing_outside() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("wd");
    fs::create_dir(&directory).unwrap();
    fs::write(outer.path().join("victim"), "safe").unwrap();
    let warnings = unpack(
        &directory,
        &[
            ("../victim", Regular, "climbed"),
            ("/victim", Regular, "absolute"),
            ("a/../../victim", Regular, "climbed"),
            ("out", Symlink, "../"),
            ("out/victim", Regular, "through a refused link"),
            ("in", Directory, ""),
            ("through", Symlink, "in"),
            ("through/file", Regular, "through a link"),
            ("up", Symlink, "in/../.."),
            ("hard", Link, "../victim"),
            ("victim", Regular, "inside"),
            ("victim", Symlink, "in"),
        ],
    );
    assert_eq!(fs::read_to_string(outer.path().join("victim")).unwrap(), "safe");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 2);
    // What was refused as a link is an ordinary directory for the entry below it.
    assert_eq!(fs::read_to_string(directory.join("out/victim")).unwrap(), "through a refused link");
    assert_eq!(fs::read_dir(directory.join("in")).unwrap().count(), 0);
    assert_eq!(fs::read_link(directory.join("victim")).unwrap(), Path::new("in"));
    assert!(!directory.join("hard").exists() && !directory.join("up").exists());
    assert_eq!(warnings.len(), 7, "{warnings:#?}");
}

/// A virtual environment of Python is one: without the link to its interpreter it is nothing for the next task.
#[test]
fn d10_k3_links_to_programs_and_within_the_directory_are_kept_and_not_written_through() {
    use tar::EntryType::{Regular, Symlink};
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("a").display().to_string();
    let climbing = directory.path().join("../x").display().to_string();
    let warnings = unpack(
        directory.path(),
        &[
            ("python", Symlink, "/usr/bin/python3"),
            ("a", Regular, "1"),
            ("b", Symlink, &own),
            ("c", Symlink, &climbing),
            ("lib", Symlink, "/usr/lib"),
            ("lib/evil", Regular, "through"),
        ],
    );
    assert_eq!(fs::read_link(directory.path().join("python")).unwrap(), Path::new("/usr/bin/python3"));
    assert_eq!(fs::read_to_string(directory.path().join("b")).unwrap(), "1");
    assert!(!directory.path().join("c").is_symlink() && !Path::new("/usr/lib/evil").exists());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn d10_k3_a_cut_archive_is_an_error() {
    let mut archive = archive(&[("a", tar::EntryType::Regular, &"x".repeat(4000))]);
    archive.truncate(2000);
    let directory = tempfile::tempdir().unwrap();
    let error = Unpacker::new(directory.path(), &Wanted::Everything).run(archive.as_slice()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
}

#[test]
fn d10_k3_a_link_that_was_there_before_is_not_followed() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("wd");
    fs::create_dir(&directory).unwrap();
    fs::write(outer.path().join("victim"), "safe").unwrap();
    std::os::unix::fs::symlink("../victim", directory.join("a")).unwrap();
    assert_eq!(unpack(&directory, &[("a", tar::EntryType::Regular, "new")]), Vec::<String>::new());
    assert_eq!(fs::read_to_string(outer.path().join("victim")).unwrap(), "safe");
    assert_eq!(fs::read_to_string(directory.join("a")).unwrap(), "new");
}

#[test]
fn d31_a_file_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let archive = archive(&[("a", tar::EntryType::Regular, "new")]);
    let error = Unpacker::new(&missing, &Wanted::Everything).run(archive.as_slice()).unwrap_err();
    assert!(error.to_string().starts_with(&missing.join("a").display().to_string()), "{error}");
}

#[test]
fn d10_k3_several_archives_in_a_row_are_one() {
    use tar::EntryType::Regular;
    let directory = tempfile::tempdir().unwrap();
    let both = [archive(&[("a", Regular, "1")]), archive(&[("b", Regular, "2")])].concat();
    let moved = Unpacker::new(directory.path(), &Wanted::Everything).run(both.as_slice()).unwrap();
    assert_eq!((moved.bytes, moved.warnings), (2, vec![]));
    assert_eq!(fs::read_to_string(directory.path().join("b")).unwrap(), "2");
}
