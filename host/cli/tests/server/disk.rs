//! A disk that fills, a journal that is damaged or of another version.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    Home,
    server::{PATIENCE, Server},
    shell,
};

const PAUSED: &str = "id: p\nnamespace: a.b\ntasks:\n  - {id: ask, type: io.kestra.plugin.core.flow.Pause}\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: [one, two]}\n  - id: tell\n    type: io.kestra.plugin.core.debug.Return\n    format: went on\n";
const LOG: &str = "id: t\nnamespace: a.b\ntasks:\n  - {id: x, type: io.kestra.plugin.core.log.Log, message: m}\n";

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this user may not mount.
    fn mount(place: PathBuf) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(&place).output().unwrap();
        if !mounted.status.success() {
            eprintln!("left out: no disk can be mounted: {}", String::from_utf8_lossy(&mounted.stderr));
            return None;
        }
        Some(Self(place))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        while filler.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_waited_for_and_everything_answers_meanwhile() {
    let home = Home::new(&[]);
    let Some(disk) = Disk::mount(home.folder.path().join("data")) else { return };
    let server = Server::start(&home);
    let id = server.submit(PAUSED);
    server.until(&id, "PAUSED");
    disk.fill();
    server.ask(&["executions", "resume", &id]).expect(0);
    // From here on nothing can be written.
    let listed = loop {
        let ran = server.ask(&["executions", "list"]).expect(0);
        if ran.stderr().contains("journal::full") {
            break ran.stdout();
        }
    };
    assert!(listed.contains(&id) && listed.contains("PAUSED"), "{listed}");
    for (arguments, code, answer) in [
        (&["executions", "show", &id][..], 0, &*id),
        (&["logs", &id], 0, ""),
        (&["executions", "restart", &id], 1, ""),
        (&["executions", "replay", &id], 1, ""),
        (&["run", "flow.yaml", "--server", "--detach"], 1, ""),
    ] {
        let ran = server.ask(arguments).expect(code);
        assert!(ran.stdout().contains(answer), "{arguments:?}: {}", ran.stdout());
        assert!(code == 0 || ran.stderr().contains("journal::full") && ran.stderr().contains("nothing was begun"), "{}", ran.stderr());
    }
    disk.make_room();
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS");
    assert_eq!(ended["taskRunList"][2]["outputs"]["value"], "went on");
    let begun = std::time::Instant::now();
    let said = || server.ask(&["logs", &id]).expect(0).stdout();
    while said().lines().count() < 2 {
        assert!(begun.elapsed() < PATIENCE, "what was said meanwhile is not lost: {}", said());
    }
    assert!(said().lines().map(|line| line.rsplit(' ').next().unwrap()).eq(["one", "two"]), "{}", said());
    let next = server.submit(PAUSED);
    server.until(&next, "PAUSED");
    assert_eq!(server.ask(&["executions", "list", "--output", "json"]).expect(0).stdout().matches("\"id\"").count(), 2);
}

#[test]
fn a_server_on_a_full_disk_can_be_stopped_and_the_next_one_goes_on() {
    let home = Home::new(&["scripts"]);
    let Some(disk) = Disk::mount(home.folder.path().join("data")) else { return };
    let mut server = Server::start(&home);
    let (gate, ran) = (home.folder.path().join("gate"), home.folder.path().join("ran"));
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let id = server.submit(&shell(&format!("['echo > {0}.begun; read -r line < {0}; echo ran >> {1}']", gate.display(), ran.display())));
    while !home.folder.path().join("gate.begun").exists() {
        std::thread::yield_now();
    }
    disk.fill();
    // It ends while nobody can write that down.
    fs::write(&gate, "go\n").unwrap();
    while !ran.exists() {
        std::thread::yield_now();
    }
    server.stop();
    disk.make_room();
    server.again();
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS", "{ended:#}\n{}", server.ask(&["logs", &id]).stdout());
    assert_eq!(fs::read_to_string(&ran).unwrap(), "ran\n", "it ran once");
}

/// A journal with one finished execution, all in one file.
fn finished(home: &Home) -> (PathBuf, String) {
    let mut server = Server::start(home);
    let id = server.submit(LOG);
    assert_eq!(server.end(&id)["state"]["current"], "SUCCESS");
    server.stop();
    let file = home.folder.path().join("data/journal.db");
    into_one_file(&rusqlite::Connection::open(&file).unwrap());
    (file, id)
}

fn into_one_file(journal: &rusqlite::Connection) {
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Writes garbage from a place on.
fn overwrite(file: &Path, from: u64, length: usize) {
    OpenOptions::new().write(true).open(file).unwrap().write_all_at(&vec![0xA5; length], from).unwrap();
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

#[test]
fn a_damaged_journal_is_refused_by_name_and_left_as_it_is() {
    type Damage = fn(&Path);
    let table: [(&str, &str, Damage); 4] = [
        ("its head overwritten", "journal::corrupt", |file| overwrite(file, 0, 512)),
        ("cut in the middle", "journal::corrupt", |file| {
            OpenOptions::new().write(true).open(file).unwrap().set_len(length(file) / 2).unwrap();
        }),
        ("its tables overwritten", "journal::corrupt", |file| overwrite(file, 4096, length(file) as usize - 4096)),
        ("of a newer version", "journal::newer", |file| {
            let journal = rusqlite::Connection::open(file).unwrap();
            journal.pragma_update(None, "user_version", 99).unwrap();
            into_one_file(&journal);
        }),
    ];
    for (what, code, damage) in table {
        let home = Home::new(&[]);
        let (file, id) = finished(&home);
        damage(&file);
        let before = fs::read(&file).unwrap();
        home.file("flow.yaml", LOG);
        let data = home.folder.path().join("data").display().to_string();
        for arguments in
            [&["serve"][..], &["executions", "list"], &["executions", "show", &id], &["executions", "restart", &id], &["run", "flow.yaml"]]
        {
            let ran = home.run(&[arguments, &["--data-dir", &data]].concat());
            let said = ran.stderr();
            assert!(said.contains(code) && said.contains("journal.db"), "{what}, {arguments:?}: {said}");
            assert_eq!(ran.code(), 1, "{what}, {arguments:?}: {said}");
        }
        assert!(fs::read(&file).unwrap() == before, "{what}: the file was changed");
        // Logs are files of their own.
        assert!(home.run(&["logs", &id, "--data-dir", &data]).stdout().ends_with(" m\n"), "{what}");
    }
}

#[test]
fn a_server_whose_journal_is_damaged_stays_and_says_so() {
    let home = Home::new(&[]);
    let (file, _) = finished(&home);
    let server = Server::start(&home);
    overwrite(&file, 4096, length(&file) as usize - 4096);
    home.file("flow.yaml", PAUSED);
    // What it has read before may still do for a while.
    let refused = loop {
        let ran = server.ask(&["run", "flow.yaml", "--server", "--detach"]);
        if ran.code() != 0 {
            break ran.stderr();
        }
    };
    assert!(refused.contains("journal::corrupt") || refused.contains("journal::stopped"), "{refused}");
    for arguments in [&["executions", "list"][..], &["plugins", "list"]] {
        let said = server.ask(arguments).stderr();
        assert!(!said.contains("control::"), "{arguments:?}: {said}");
    }
}
