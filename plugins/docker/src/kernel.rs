//! The kernel's own word about a container that was killed for want of memory: Podman does not know on machines with version 1 of
//! control groups.

use std::{fs::OpenOptions, io::Read, os::unix::fs::OpenOptionsExt};

use rustix::fs::OFlags;

/// Whose memory was at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    Container,
    Machine,
}

/// What the log of this machine's kernel says of a container. Nothing when it may not be read, or runs elsewhere.
pub async fn exhausted(container: &str) -> Option<Exhausted> {
    let container = container.to_owned();
    tokio::task::spawn_blocking(move || search(&container)).await.ok().flatten()
}

fn search(container: &str) -> Option<Exhausted> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let mut log = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg").ok()?;
    // Each read gives one record, and none of them is longer.
    let mut record = [0; 8 << 10];
    loop {
        match log.read(&mut record) {
            Ok(0) => return None,
            Ok(length) => {
                if let Some(found) = verdict(&String::from_utf8_lossy(&record[..length]), container) {
                    return Some(found);
                }
            }
            // The oldest records were overwritten meanwhile.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
            // The end, or no permission.
            Err(_) => return None,
        }
    }
}

fn verdict(record: &str, container: &str) -> Option<Exhausted> {
    let (_, facts) = record.split_once(";oom-kill:")?;
    let of_task = facts.split(',').find_map(|fact| fact.strip_prefix("task_memcg="))?;
    of_task.contains(container).then(|| if facts.contains("CONSTRAINT_MEMCG") { Exhausted::Container } else { Exhausted::Machine })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_about_the_container_counts() {
        let killed = |constraint: &str, group: &str| {
            format!(
                "4,9,23663774822,-;oom-kill:constraint={constraint},nodemask=(null),cpuset=c,oom_memcg=/x,task_memcg={group},task=sh,pid=7,uid=0\n"
            )
        };
        for (record, expected) in [
            (killed("CONSTRAINT_MEMCG", "/libpod_parent/libpod-abc"), Some(Exhausted::Container)),
            (killed("CONSTRAINT_NONE", "/docker/abc"), Some(Exhausted::Machine)),
            (killed("CONSTRAINT_MEMCG", "/docker/other"), None),
            ("6,9,1,-;docker0: port abc entered disabled state\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(verdict(&record, "abc"), expected, "{record}");
        }
    }
}
