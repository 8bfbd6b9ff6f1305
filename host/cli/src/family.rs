//! Every process that came from this one.

use std::{collections::HashMap, fs};

use rustix::process::{Pid, Signal, getpid, kill_process};

/// Kills all of them at once. For an end that waits for nobody; the ordinary one asks the runners.
pub fn kill() {
    // A process that was started while the others were looked up is found in the next round.
    for _ in 0..3 {
        let family = descendants(getpid(), &parents());
        if family.is_empty() {
            return;
        }
        for pid in family {
            // Whoever has ended meanwhile needs no signal.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The parent of each running process.
fn parents() -> HashMap<Pid, Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may contain anything, parentheses and blanks too.
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
            (state != "Z").then_some((pid, Pid::from_raw(parent)?))
        })
        .collect()
}

fn descendants(of: Pid, parents: &HashMap<Pid, Pid>) -> Vec<Pid> {
    let mut family = vec![of];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(
            parents.iter().filter(|(pid, above)| **above == parent && !family.contains(pid)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        at += 1;
    }
    family.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grandchildren_belong_to_the_family_and_siblings_do_not() {
        let pid = |number| Pid::from_raw(number).unwrap();
        let parents = [(10, 1), (11, 10), (12, 11), (13, 1), (14, 13)].map(|(child, parent)| (pid(child), pid(parent)));
        let family = descendants(pid(10), &parents.into_iter().collect());
        assert_eq!(family, [pid(11), pid(12)]);
    }
}
