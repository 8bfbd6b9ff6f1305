//! Every process of the machine at one moment, and which of them came from a task.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// A process, named by its id and the time it started: an id alone can be taken by another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub pid: i32,
    /// In clock ticks since the machine started.
    pub born: u64,
}

#[derive(Debug, Clone, Copy)]
struct Process {
    identity: Identity,
    parent: i32,
    group: i32,
    session: i32,
    /// It has ended, and only its parent has not noticed.
    dead: bool,
}

/// Every process of the machine at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    processes: Vec<Process>,
    /// `WORKING_DIR` of the processes that did not come from the host: a daemon that left its family still carries it.
    strangers: HashMap<i32, Vec<u8>>,
}

/// The latest snapshot, shared by everyone who asked before it was begun: a thousand tasks killed at once take a few.
static LATEST: Mutex<Option<(Instant, Arc<Snapshot>)>> = Mutex::new(None);

impl Snapshot {
    /// A snapshot that is not older than this call. Blocks for some milliseconds.
    pub(super) fn now() -> Arc<Self> {
        let asked = Instant::now();
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((begun, snapshot)) = &*latest
            && *begun >= asked
        {
            return snapshot.clone();
        }
        let begun = Instant::now();
        let snapshot = Arc::new(Self::take());
        *latest = Some((begun, snapshot.clone()));
        snapshot
    }

    fn take() -> Self {
        let processes: Vec<Process> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(read_process)
            .collect();
        let family = Self { processes, strangers: HashMap::new() };
        let own = family.descendants(std::process::id().cast_signed());
        let strangers = family
            .processes
            .iter()
            .filter(|process| !process.dead && !own.contains(&process.identity.pid))
            .filter_map(|process| Some((process.identity.pid, working_dir(process.identity.pid)?)))
            .collect();
        Self { strangers, ..family }
    }

    fn descendants(&self, of: i32) -> HashSet<i32> {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for process in &self.processes {
            children.entry(process.parent).or_default().push(process.identity.pid);
        }
        let mut found = HashSet::from([of]);
        let mut open = vec![of];
        while let Some(pid) = open.pop() {
            for &child in children.get(&pid).map(Vec::as_slice).unwrap_or_default() {
                if found.insert(child) {
                    open.push(child);
                }
            }
        }
        found
    }

    /// The living processes that carry the environment of a task and do not come from this host.
    pub(super) fn carrying(&self, env: &BTreeMap<String, String>) -> Vec<Identity> {
        let Some(directory) = env.get("WORKING_DIR").map(String::as_bytes) else { return Vec::new() };
        let carries = |pid: &i32| self.strangers.get(pid).map(Vec::as_slice) == Some(directory);
        let family: HashSet<i32> = self.strangers.keys().filter(|pid| carries(pid)).flat_map(|pid| self.descendants(*pid)).collect();
        self.processes.iter().filter(|p| !p.dead && family.contains(&p.identity.pid)).map(|p| p.identity).collect()
    }

    /// The living processes that came from the process `leader`, itself included: its descendants, its group, what they took into
    /// groups and sessions of their own, and daemons that carry the environment of the task.
    pub(super) fn family(&self, leader: i32, env: &BTreeMap<String, String>) -> Vec<Identity> {
        let Some(born) = self.processes.iter().find(|p| p.identity.pid == leader).map(|p| p.identity.born) else { return Vec::new() };
        let mut family = self.descendants(leader);
        let directory = env.get("WORKING_DIR").map(String::as_bytes);
        for process in &self.processes {
            // Tasks that share a directory run one after the other, so whatever is older belongs to another one.
            let carries = directory.is_some() && self.strangers.get(&process.identity.pid).map(Vec::as_slice) == directory;
            if process.identity.born >= born && (process.group == leader || carries) {
                family.extend(self.descendants(process.identity.pid));
            }
        }
        // Whoever leads a session or a group has followers that may have lost their parents.
        for process in &self.processes {
            if process.identity.born >= born && (family.contains(&process.session) || family.contains(&process.group)) {
                family.insert(process.identity.pid);
            }
        }
        self.processes.iter().filter(|p| !p.dead && family.contains(&p.identity.pid)).map(|p| p.identity).collect()
    }
}

/// Whether this very process is still there.
pub(super) fn alive(identity: Identity) -> bool {
    read_process(identity.pid).is_some_and(|process| process.identity == identity && !process.dead)
}

fn read_process(pid: i32) -> Option<Process> {
    parse_stat(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The fields after the program's name, which may itself hold blanks and brackets.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let rest = std::str::from_utf8(&stat[stat.iter().rposition(|&byte| byte == b')')? + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(Process {
        identity: Identity { pid, born: fields.get(19)?.parse().ok()? },
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        dead: matches!(*fields.first()?, "Z" | "X"),
    })
}

fn working_dir(pid: i32) -> Option<Vec<u8>> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ.split(|&byte| byte == 0).find_map(|variable| variable.strip_prefix(b"WORKING_DIR=")).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_blanks() {
        let process = parse_stat(7, b"7 (a) R (b) S 5 6 4 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0").unwrap();
        assert_eq!((process.parent, process.group, process.session, process.identity.born, process.dead), (5, 6, 4, 12345, false));
        assert!(parse_stat(7, b"7 (sh").is_none());
    }

    #[test]
    fn family_of_a_table() {
        let process = |pid, parent, group, session, born| Process { identity: Identity { pid, born }, parent, group, session, dead: false };
        let snapshot = Snapshot {
            processes: vec![
                process(1, 0, 1, 1, 0),
                process(10, 1, 10, 10, 5),   // the host
                process(20, 10, 20, 10, 50), // the task
                process(21, 20, 20, 10, 51),
                process(22, 21, 22, 22, 52), // in its own session
                process(23, 1, 22, 22, 53),  // of that session, without its parent
                process(24, 1, 20, 10, 54),  // of the group, without its parent
                process(25, 1, 25, 25, 55),  // a daemon with the task's environment
                process(26, 25, 25, 25, 56),
                process(27, 1, 27, 27, 49),  // one of an earlier task in the same directory
                process(30, 10, 30, 10, 60), // another task
            ],
            strangers: [25, 27].map(|pid| (pid, b"/srv/x".to_vec())).into(),
        };
        let env = BTreeMap::from([("WORKING_DIR".to_owned(), "/srv/x".to_owned())]);
        let pids = |leader, env: &BTreeMap<String, String>| snapshot.family(leader, env).iter().map(|i| i.pid).collect::<Vec<_>>();
        assert_eq!(pids(20, &env), [20, 21, 22, 23, 24, 25, 26]);
        assert_eq!(pids(20, &BTreeMap::new()), [20, 21, 22, 23, 24]);
        assert_eq!(pids(30, &env), [30]);
        assert_eq!(pids(99, &env), [0; 0]);
    }
}
