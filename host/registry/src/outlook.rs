//! What a restart changes: the plugins that a host has, against those that its directories hold now.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    isolation::Isolation,
    status::{State, Status},
};

/// Everything that a restart would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    pub files: Vec<FileChange>,
    pub types: Vec<TypeChange>,
    /// Plugins that would run elsewhere.
    #[serde(default)]
    pub placements: Vec<PlacementChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFate {
    /// It is not loaded, and passes every check.
    New,
    /// Another content of it is loaded; this one passes every check.
    Changed,
    /// It is loaded and not there any more.
    Removed,
    /// It fails a check, whether or not an earlier content is loaded.
    Refused,
    /// A directory, or a pinned file, that is not there or not safe.
    Missing,
}

/// What became of one file, or of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    pub file: PathBuf,
    pub fate: FileFate,
    /// Such as `docker 1.2.0`: what is loaded of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What would be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it would not be loaded, or not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeFate {
    Gained,
    Lost,
    /// Other code serves it.
    Changed,
}

/// What becomes of one name of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeChange {
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type whose other name it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    pub fate: TypeFate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Why it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What becomes of the place where a plugin's code runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementChange {
    /// Such as `docker 1.2.0`, as it would be.
    pub plugin: String,
    /// Absent when it is not loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Isolation>,
    pub after: Isolation,
    /// Why it would be in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// It is in quarantine, and would not be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

impl Outlook {
    /// From what a host has to what it would have.
    pub fn between(now: &[Status], next: &[Status]) -> Self {
        Self { files: files(now, next), types: types(now, next), placements: placements(now, next) }
    }

    /// The rows of what is there, in the words of a host that has not restarted yet.
    pub fn rows(&self, now: &[Status], next: &[Status]) -> Vec<Status> {
        let change = |row: &Status| self.files.iter().find(|change| Some(&change.file) == row.file.as_ref());
        let same = |one: &Status, other: &Status| one.file == other.file && one.type_name == other.type_name && one.hash == other.hash;
        let there = next.iter().map(|row| match change(row) {
            Some(FileChange { fate: FileFate::New | FileFate::Changed, before, .. }) if row.state == State::Ready => {
                let reason = before.as_ref().map(|before| format!("until then {before} is active"));
                Status { state: State::ActiveAfterRestart, reason, ..row.clone() }
            }
            // It is what the host has, so the host knows more about it.
            None if row.state == State::Ready => {
                now.iter().find(|known| same(known, row) && known.state.is_usable()).unwrap_or(row).clone()
            }
            _ => row.clone(),
        });
        let removed = now.iter().filter(|row| change(row).is_some_and(|change| change.fate == FileFate::Removed)).map(|row| {
            let reason = Some("the file was removed".to_owned());
            Status { state: State::GoneAfterRestart, code: None, reason, ..row.clone() }
        });
        there.chain(removed).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.types.is_empty() && self.placements.is_empty()
    }

    /// What changes, a line each: the files, and the types that are lost although a file was not removed.
    pub fn lines(&self) -> Vec<String> {
        let removed: Vec<_> = self.files.iter().filter(|file| file.after.is_none()).filter_map(|file| file.before.as_ref()).collect();
        let told = |lost: &&TypeChange| lost.fate == TypeFate::Lost && lost.before.as_ref().is_none_or(|label| !removed.contains(&label));
        let files = self.files.iter().map(FileChange::line);
        let types = self.types.iter().filter(told).map(TypeChange::line);
        files.chain(types).chain(self.placements.iter().map(PlacementChange::line)).collect()
    }
}

impl FileChange {
    /// Whether a restart would lose something by it, or not gain what was meant.
    pub fn is_bad(&self) -> bool {
        !matches!(self.fate, FileFate::New | FileFate::Changed) || self.reason.is_some()
    }

    pub fn line(&self) -> String {
        let (file, reason) = (self.file.display(), self.reason.as_deref().unwrap_or_default());
        let label = |label: &Option<String>| label.clone().unwrap_or_else(|| "it".to_owned());
        match (self.fate, &self.before) {
            (FileFate::New | FileFate::Changed, _) if self.reason.is_some() => {
                format!("{file}: {} passed every check; not used after a restart: {reason}", label(&self.after))
            }
            (FileFate::New, _) => format!("{file}: {} passed every check; active after restart", label(&self.after)),
            (FileFate::Changed, _) => {
                format!("{file}: {} passed every check; active after restart, until then {} is", label(&self.after), label(&self.before))
            }
            (FileFate::Removed, _) => format!("{file}: removed; {} stays active until a restart", label(&self.before)),
            (FileFate::Refused, Some(before)) => {
                format!("{file}: refused at a restart: {reason}; until then {before} is active")
            }
            (FileFate::Refused, None) => format!("{file}: refused: {reason}"),
            (FileFate::Missing, _) => format!("{file}: {reason}"),
        }
    }
}

impl TypeChange {
    pub fn line(&self) -> String {
        let name = match &self.alias_of {
            Some(of) => format!("{} (another name of {of})", self.type_name),
            None => self.type_name.clone(),
        };
        let (before, after) = (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        match self.fate {
            TypeFate::Gained => format!("{name}: new, from {after}"),
            TypeFate::Changed if before == after => format!("{name}: from another build of {after}"),
            TypeFate::Changed => format!("{name}: from {after} instead of {before}"),
            TypeFate::Lost => {
                format!("{name}: lost, {before} brought it{}", self.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default())
            }
        }
    }
}

impl PlacementChange {
    pub fn line(&self) -> String {
        let Self { plugin, .. } = self;
        match (&self.quarantine, self.before) {
            (Some(reason), _) => {
                let id = plugin.split(' ').next().unwrap_or_default();
                format!(
                    "{plugin}: in quarantine after a restart, in a process of its own: {reason}; `switchyard plugins release {id}` ends it"
                )
            }
            (None, Some(before)) if before != self.after => {
                let why = if self.released { "its quarantine has ended" } else { "the configuration says so" };
                format!("{plugin}: {} after a restart instead of {}: {why}", self.after.as_str(), before.as_str())
            }
            (None, _) => format!("{plugin}: out of quarantine after a restart, {} as configured", self.after.as_str()),
        }
    }
}

/// `docker 1.2.0`.
fn label(row: &Status) -> Option<String> {
    Some(format!("{} {}", row.plugin.as_ref()?, row.version.as_ref()?))
}

fn by_file(rows: &[Status]) -> BTreeMap<&Path, &Status> {
    // All rows of a file say the same about it.
    rows.iter().filter_map(|row| Some((row.file.as_deref()?, row))).collect()
}

fn files(now: &[Status], next: &[Status]) -> Vec<FileChange> {
    // A file may pass every check, and another one bring what it brings.
    let used: BTreeSet<&Path> = next.iter().filter(|row| row.state.is_usable()).filter_map(|row| row.file.as_deref()).collect();
    let (now, next) = (by_file(now), by_file(next));
    let paths: BTreeSet<&Path> = now.keys().chain(next.keys()).copied().collect();
    let changes = paths.into_iter().filter_map(|path| {
        let (before, after) = (now.get(path), next.get(path));
        let was = before.filter(|row| row.hash.is_some());
        let fate = match (was, after) {
            (Some(_), None) => FileFate::Removed,
            (None, None) => return None,
            (_, Some(row)) if row.state == State::Missing => FileFate::Missing,
            (_, Some(row)) if row.hash.is_none() => FileFate::Refused,
            (Some(was), Some(row)) if was.hash == row.hash => return None,
            (Some(_), Some(_)) => FileFate::Changed,
            (None, Some(_)) => FileFate::New,
        };
        let known = |row: &&&Status| before.is_some_and(|was| was.hash == row.hash && was.code == row.code && was.reason == row.reason);
        if after.as_ref().is_some_and(known) {
            return None;
        }
        let refused = matches!(fate, FileFate::Refused | FileFate::Missing);
        let why = after.filter(|_| refused || !used.contains(path));
        Some(FileChange {
            file: path.to_owned(),
            fate,
            before: was.and_then(|row| label(row)),
            after: after.filter(|_| !refused).and_then(|row| label(row)),
            code: why.and_then(|row| row.code.clone()),
            reason: why.and_then(|row| row.reason.clone()),
        })
    });
    changes.collect()
}

fn placements(now: &[Status], next: &[Status]) -> Vec<PlacementChange> {
    let mut changes: Vec<PlacementChange> = Vec::new();
    for row in next.iter().filter(|row| row.state.is_usable()) {
        let (Some(plugin), Some(after)) = (label(row), row.isolation) else { continue };
        let was = now.iter().find(|was| was.plugin == row.plugin && was.isolation.is_some());
        let quarantine = row.quarantine.clone().filter(|_| was.is_none_or(|was| was.quarantine.is_none()));
        let released = row.quarantine.is_none() && was.is_some_and(|was| was.quarantine.is_some());
        let before = was.and_then(|was| was.isolation);
        let moves = before.is_some_and(|before| before != after);
        if (quarantine.is_some() || released || moves) && !changes.iter().any(|change| change.plugin == plugin) {
            changes.push(PlacementChange { plugin, before, after, quarantine, released });
        }
    }
    changes
}

/// Every name that means something, with the row that serves it.
fn names(rows: &[Status]) -> BTreeMap<&str, &Status> {
    let usable = || rows.iter().filter(|row| row.state.is_usable());
    let mut names: BTreeMap<&str, &Status> = usable().filter_map(|row| Some((row.type_name.as_deref()?, row))).collect();
    for row in usable() {
        for alias in &row.aliases {
            names.entry(alias).or_insert(row);
        }
    }
    names
}

fn types(now: &[Status], next: &[Status]) -> Vec<TypeChange> {
    let (before, after) = (names(now), names(next));
    let all: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let changes = all.into_iter().filter_map(|name| {
        let (was, is) = (before.get(name), after.get(name));
        let row = is.or(was)?;
        let alias_of = row.type_name.clone().filter(|canonical| canonical != name);
        let fate = match (was, is) {
            (None, Some(_)) => TypeFate::Gained,
            (Some(_), None) => TypeFate::Lost,
            (Some(was), Some(is)) if was.hash != is.hash => TypeFate::Changed,
            _ => return None,
        };
        // A name that comes, goes or changes with its type is no news.
        if alias_of.as_ref().is_some_and(|of| before.contains_key(&**of) == was.is_some() && after.contains_key(&**of) == is.is_some()) {
            return None;
        }
        let reason = || {
            let claimed = next.iter().find(|row| row.type_name.as_deref() == Some(name));
            let refused =
                || next.iter().find(|row| row.file.is_some() && was.is_some_and(|was| was.file == row.file) && row.hash.is_none());
            let why = claimed.or_else(refused).and_then(|row| row.reason.clone());
            why.or_else(|| {
                let file = was?.file.as_ref()?;
                let there = next.iter().any(|row| row.file.as_ref() == Some(file));
                Some(if there {
                    format!("{} does not bring it any more", file.display())
                } else {
                    format!("{} was removed", file.display())
                })
            })
        };
        Some(TypeChange {
            type_name: name.to_owned(),
            alias_of,
            fate,
            before: was.and_then(|row| label(row)),
            after: is.and_then(|row| label(row)),
            reason: if fate == TypeFate::Lost { reason() } else { None },
        })
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(file: &str, plugin: &str, version: &str, hash: &str, type_name: &str, aliases: &[&str]) -> Status {
        Status {
            type_name: Some(type_name.to_owned()),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            plugin: Some(plugin.to_owned()),
            version: Some(version.to_owned()),
            hash: Some(hash.to_owned()),
            code: None,
            reason: None,
            ..Status::of_place(Path::new(file), State::Ready, "", String::new())
        }
    }

    fn refused(file: &str, reason: &str) -> Status {
        Status::of_place(Path::new(file), State::Refused, "plugin::not_elf", reason.to_owned())
    }

    fn conflict(row: Status) -> Status {
        Status { state: State::Conflict, reason: Some("two bring it".to_owned()), ..row }
    }

    fn superseded(row: Status) -> Status {
        Status { state: State::Superseded, reason: Some("a 1.0.0 is newer".to_owned()), ..row }
    }

    #[test]
    fn where_a_plugin_would_run_is_said() {
        use Isolation::{InProcess, Subprocess};
        let at = |isolation, quarantine: Option<&str>| {
            let quarantine = quarantine.map(str::to_owned);
            vec![Status { isolation: Some(isolation), quarantine, ..row("a.so", "a", "1.0.0", "1", "x.A", &[]) }]
        };
        let why = Some("it ended the host by SIGSEGV");
        let bad = "a 1.0.0: in quarantine after a restart, in a process of its own: it ended the host by SIGSEGV; \
                   `switchyard plugins release a` ends it";
        for (now, next, line) in [
            (at(InProcess, None), at(InProcess, None), None),
            (at(InProcess, None), at(Subprocess, why), Some(bad)),
            (at(Subprocess, None), at(Subprocess, why), Some(bad)),
            (at(Subprocess, why), at(Subprocess, why), None),
            (
                at(Subprocess, why),
                at(InProcess, None),
                Some("a 1.0.0: in-process after a restart instead of subprocess: its quarantine has ended"),
            ),
            (at(Subprocess, why), at(Subprocess, None), Some("a 1.0.0: out of quarantine after a restart, subprocess as configured")),
            (
                at(InProcess, None),
                at(Subprocess, None),
                Some("a 1.0.0: subprocess after a restart instead of in-process: the configuration says so"),
            ),
        ] {
            let outlook = Outlook::between(&now, &next);
            assert_eq!(outlook.lines(), line.into_iter().collect::<Vec<_>>());
            assert_eq!(outlook.is_empty(), line.is_none());
        }
        let new = Outlook::between(&[], &at(Subprocess, why));
        assert_eq!(new.lines()[1..], [bad], "a new file of a plugin that is known to be bad");
    }

    #[test]
    fn what_a_restart_changes_is_said_in_lines() {
        let a = || row("a.so", "a", "1.0.0", "1", "x.A", &["old.A"]);
        for (name, now, next, lines) in [
            ("nothing", vec![a()], vec![a()], vec![]),
            ("new", vec![], vec![a()], vec!["a.so: a 1.0.0 passed every check; active after restart"]),
            (
                "changed",
                vec![a()],
                vec![row("a.so", "a", "1.1.0", "2", "x.A", &[])],
                vec![
                    "a.so: a 1.1.0 passed every check; active after restart, until then a 1.0.0 is",
                    "old.A (another name of x.A): lost, a 1.0.0 brought it: a.so does not bring it any more",
                ],
            ),
            ("removed", vec![a()], vec![], vec!["a.so: removed; a 1.0.0 stays active until a restart"]),
            (
                "broken",
                vec![a()],
                vec![refused("a.so", "no ELF")],
                vec!["a.so: refused at a restart: no ELF; until then a 1.0.0 is active"],
            ),
            ("text", vec![], vec![refused("b.so", "no ELF")], vec!["b.so: refused: no ELF"]),
            (
                "an older one",
                vec![a()],
                vec![a(), superseded(row("b.so", "a", "0.9.0", "2", "x.A", &[]))],
                vec!["b.so: a 0.9.0 passed every check; not used after a restart: a 1.0.0 is newer"],
            ),
            ("known text", vec![refused("b.so", "no ELF")], vec![refused("b.so", "no ELF")], vec![]),
            ("text that went", vec![refused("b.so", "no ELF")], vec![], vec![]),
            (
                "text that became good",
                vec![refused("a.so", "no ELF")],
                vec![a()],
                vec!["a.so: a 1.0.0 passed every check; active after restart"],
            ),
            (
                "a second one of the same version",
                vec![a()],
                vec![conflict(a()), conflict(row("b.so", "a", "1.0.0", "2", "x.A", &[]))],
                vec![
                    "b.so: a 1.0.0 passed every check; not used after a restart: two bring it",
                    "x.A: lost, a 1.0.0 brought it: two bring it",
                ],
            ),
        ] {
            assert_eq!(Outlook::between(&now, &next).lines(), lines, "{name}");
        }
    }
}
