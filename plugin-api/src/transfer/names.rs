//! Names in archives: they come from whatever ran there, so they are checked before anything is written.

use std::path::{Component, Path, PathBuf};

/// A name below the root, without `.` parts; none when it is absolute or climbs.
pub fn inside(name: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Whether a symlink at `link` (below the root) with this target stays inside. `..` may only stand at the front: behind a name it could
/// follow another link out.
pub fn link_stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    let mut named = false;
    for component in target.components() {
        match component {
            Component::Normal(_) => named = true,
            Component::CurDir => {}
            Component::ParentDir if named || depth == 0 => return false,
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// Directories of programs and libraries, the same on every machine, in which nobody keeps a secret.
const OF_THE_SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// Whether an absolute target is a program or library of the machine, as that of the interpreter in a virtual environment of Python.
pub fn is_of_the_system(target: &Path) -> bool {
    let climbs = target.components().any(|component| component == Component::ParentDir);
    !climbs && OF_THE_SYSTEM.iter().any(|directory| target.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d10_k3_names_stay_inside() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("./a/./b/", Some("a/b")),
            ("", Some("")),
            ("../a", None),
            ("a/../../b", None),
            ("a/../b", None),
            ("/etc/passwd", None),
            ("a/..b/c", Some("a/..b/c")),
        ] {
            assert_eq!(inside(Path::new(name)).as_deref(), expected.map(Path::new), "{name}");
        }
    }

    #[test]
    fn d10_k3_programs_of_the_system_may_be_linked_to() {
        for (target, expected) in [
            ("/usr/bin/python3", true),
            ("/usr/local/bin/python3.13", true),
            ("/bin/sh", true),
            ("/usr/../etc/passwd", false),
            ("/usrs/x", false),
            ("/etc/passwd", false),
            ("/root/.ssh/id_rsa", false),
            ("usr/bin/python3", false),
        ] {
            assert_eq!(is_of_the_system(Path::new(target)), expected, "{target}");
        }
    }

    #[test]
    fn d10_k3_links_stay_inside() {
        for (link, target, inside) in [
            ("l", "a", true),
            ("l", "a/b", true),
            ("l", ".", true),
            ("d/l", "../a", true),
            ("d/e/l", "../../a", true),
            ("l", "../x", false),
            ("d/l", "../../x", false),
            ("l", "/etc/passwd", false),
            ("l", "a/../b", false),
            ("d/l", "./../a", true),
        ] {
            assert_eq!(link_stays_inside(Path::new(link), Path::new(target)), inside, "{link} -> {target}");
        }
    }
}
