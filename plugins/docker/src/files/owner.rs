//! Who the command runs as, so that it owns the files it is given.

use std::{os::unix::fs::MetadataExt, path::Path};

use switchyard_plugin_api::transfer::Owner;

/// Files of a container, as text.
pub trait Texts {
    /// A file by its path; none when there is none.
    fn text(&self, path: &'static str) -> impl Future<Output = Option<String>> + Send;
}

/// Finds the ids of `name`, `uid`, `name:group` or `uid:gid`, asking for a file of the container only when a name has to be looked up.
/// None when it cannot be found out.
pub async fn resolve(user: &str, container: &impl Texts) -> Option<Owner> {
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|g| !g.is_empty())),
        None => (user, None),
    };
    let (uid, own_gid) = match user {
        "" | "root" | "0" => (0, 0),
        number if number.parse::<u64>().is_ok() => {
            let uid = number.parse().ok()?;
            // With an explicit group the rest of the entry does not matter.
            let gid = match group {
                Some(_) => None,
                None => {
                    container.text("/etc/passwd").await.and_then(|passwd| entry(&passwd, |name| name.get(2) == Some(&number))).map(|e| e.1)
                }
            };
            (uid, gid.unwrap_or(0))
        }
        name => {
            let passwd = container.text("/etc/passwd").await?;
            entry(&passwd, |fields| fields.first() == Some(&name))?
        }
    };
    let gid = match group {
        None => own_gid,
        Some(number) if number.parse::<u64>().is_ok() => number.parse().ok()?,
        Some(name) => {
            let groups = container.text("/etc/group").await?;
            entry(&groups, |fields| fields.first() == Some(&name))?.0
        }
    };
    Some(Owner { uid, gid })
}

/// The two numbers after the password of the first line that fits. In `/etc/group` the second is not a number.
fn entry(text: &str, fits: impl Fn(&[&str]) -> bool) -> Option<(u64, u64)> {
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fits(fields))?;
    let second = fields.get(3).and_then(|f| f.parse().ok()).unwrap_or(0);
    Some((fields.get(2)?.parse().ok()?, second))
}

/// The first entry below a directory that belongs to another user than this process, to whom that may matter.
pub fn stranger(directory: &Path) -> Option<String> {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return None;
    }
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let meta = entry.metadata().ok()?;
            if meta.uid() != user.as_raw() {
                return Some(entry.path().strip_prefix(directory).ok()?.display().to_string());
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Fake(AtomicU32);

    impl Texts for Fake {
        async fn text(&self, path: &'static str) -> Option<String> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let text = match path {
                "/etc/passwd" => "root:x:0:0:root:/root:/bin/sh\napp:x:1000:100:App:/home/app:/bin/sh\n",
                _ => "root:x:0:\nstaff:x:50:app\n",
            };
            Some(text.to_owned())
        }
    }

    #[tokio::test]
    async fn docker_d8_users_are_found() {
        let owner = |uid, gid| Some(Owner { uid, gid });
        for (user, expected, reads) in [
            ("", owner(0, 0), 0),
            ("root", owner(0, 0), 0),
            ("0:0", owner(0, 0), 0),
            ("1000:1001", owner(1000, 1001), 0),
            ("1000", owner(1000, 100), 1),
            ("4242", owner(4242, 0), 1),
            ("app", owner(1000, 100), 1),
            ("app:staff", owner(1000, 50), 2),
            ("app:7", owner(1000, 7), 1),
            ("nobody", None, 1),
            ("app:none", None, 2),
        ] {
            let fake = Fake::default();
            assert_eq!(resolve(user, &fake).await, expected, "{user}");
            assert_eq!(fake.0.into_inner(), reads, "{user}");
        }
    }
}
