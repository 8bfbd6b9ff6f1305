//! Limits for a process and all that it starts: a control group where the host may make one, otherwise limits of each process.
//!
//! A shell sets them on itself and then becomes the program, so the host stays on `posix_spawn`, and a task without limits pays nothing.

use std::{fs, path::PathBuf, sync::atomic::AtomicU32, sync::atomic::Ordering, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use switchyard_plugin_api::{ByteSize, Command, Context, Error, FailureReason, IsoDuration, Level, Outcome};

use super::program;

/// What the process and everything it starts may use. Not part of the original language.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Memory, such as `512MB`: of all processes together where the host may make a control group, otherwise the address space of
    /// each.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// Processors, such as `1.5`. Only where the host may make a control group; elsewhere it has no effect and a warning says so.
    #[serde(default)]
    pub cpus: Option<f64>,
    /// Processor time of each process, such as `PT10M`; one that takes more is killed.
    #[serde(default)]
    pub cpu_time: Option<IsoDuration>,
    /// Open files of each process.
    #[serde(default)]
    pub open_files: Option<u64>,
    /// Size of each file that is written, such as `1GB`.
    #[serde(default)]
    pub file_size: Option<ByteSize>,
}

impl Limits {
    fn check(&self) -> Result<(), Error> {
        let refuse = |property: &str, why: &str| {
            Err(Error::user("flow::invalid_property", format!("limits.{property} {why}")).at(format!("/limits/{property}")))
        };
        if self.cpus.is_some_and(|cpus| !(cpus.is_finite() && cpus >= 0.01)) {
            return refuse("cpus", "is not a number of processors from 0.01 on");
        }
        if self.memory.is_some_and(|memory| memory.0 < 1 << 20) {
            return refuse("memory", "is less than 1 MB, in which no program starts");
        }
        if self.open_files.is_some_and(|files| files < 8) {
            return refuse("openFiles", "is less than 8, with which no program starts");
        }
        Ok(())
    }

    /// The command under these limits, and the group that has to be looked at when it has ended.
    pub(super) fn apply(&self, command: &Command, context: &Context) -> Result<(Command, Group), Error> {
        self.check()?;
        let mut group = Group::default();
        if let Some(memory) = self.memory {
            group.add("memory", &[("memory.limit_in_bytes", "memory.max", memory.0.to_string())]);
        }
        if let Some(cpus) = self.cpus {
            // In microseconds of a tenth of a second.
            let quota = (cpus * 1e5).round();
            group.add("cpu", &[("cpu.cfs_period_us", "", "100000".into()), ("cpu.cfs_quota_us", "cpu.max", format!("{quota}"))]);
            if !group.has("cpu") {
                let message = "limits.cpus has no effect: the host may not make a control group here";
                context.message(Level::Warn, message);
            }
        }
        let mut lines: Vec<String> =
            group.directories.iter().map(|(_, directory)| format!("echo $$ > '{}/cgroup.procs'", directory.display())).collect();
        let mut ulimit = |option: &str, value: u64| lines.push(format!("ulimit -{option} {value}"));
        if let Some(memory) = self.memory.filter(|_| !group.has("memory")) {
            ulimit("v", memory.0.div_ceil(1024));
        }
        if let Some(time) = self.cpu_time {
            ulimit("t", time.0.as_secs().max(1));
        }
        if let Some(files) = self.open_files {
            ulimit("n", files);
        }
        if let Some(size) = self.file_size {
            // The shell counts in blocks of 512 bytes.
            ulimit("f", size.0.div_ceil(512));
        }
        if lines.is_empty() {
            return Ok((command.clone(), group));
        }
        lines.push("exec \"$@\"".to_owned());
        let mut limited = command.clone();
        if let Some(name) = command.argv.first() {
            let program = program::locate(name).display().to_string();
            let shell = ["/bin/sh".to_owned(), "-c".to_owned(), lines.join(" && "), "limits".to_owned(), program];
            limited.argv = shell.into_iter().chain(command.argv.iter().skip(1).cloned()).collect();
        }
        Ok((limited, group))
    }
}

/// Control groups of one run; removed with the value.
#[derive(Debug, Default)]
pub(super) struct Group {
    directories: Vec<(&'static str, PathBuf)>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Group {
    fn has(&self, controller: &str) -> bool {
        self.directories.iter().any(|(its, _)| *its == controller)
    }

    /// Makes a group with these settings, each with its name in the first and in the second version of control groups.
    fn add(&mut self, controller: &'static str, settings: &[(&str, &str, String)]) {
        for (parent, version) in parents(controller) {
            let name = format!("switchyard-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let directory = parent.join(name);
            if fs::create_dir(&directory).is_err() {
                continue;
            }
            let set = settings
                .iter()
                .filter(|(first, second, _)| !if version == 1 { first } else { second }.is_empty())
                .all(|(first, second, value)| fs::write(directory.join(if version == 1 { first } else { second }), value).is_ok());
            if set {
                return self.directories.push((controller, directory));
            }
            let _ = fs::remove_dir(&directory);
        }
    }

    /// Tells an end for want of memory from others.
    pub(super) fn explain(&self, outcome: Outcome, limits: &Limits) -> Outcome {
        let killed = self.directories.iter().filter(|(controller, _)| *controller == "memory").any(|(_, directory)| {
            ["memory.oom_control", "memory.events"]
                .iter()
                .filter_map(|file| fs::read_to_string(directory.join(file)).ok())
                .any(|text| text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0"))
        });
        match limits.memory {
            Some(memory) if killed && outcome.exit_code != 0 => {
                outcome.because(FailureReason::OutOfMemory, format!("out of memory: the limit is {} bytes (limits.memory)", memory.0))
            }
            _ => outcome,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for (_, directory) in std::mem::take(&mut self.directories) {
            // A process that was left behind keeps its group, and with it its limits.
            if fs::remove_dir(&directory).is_err() {
                std::thread::sleep(Duration::from_millis(1));
                let _ = fs::remove_dir(&directory);
            }
        }
    }
}

/// Where a group for this controller may be made, with the version: below our own, or at the top.
fn parents(controller: &str) -> Vec<(PathBuf, u8)> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, Some(path)) = (fields.next(), fields.next().unwrap_or_default(), fields.next()) else { continue };
        let own = path.trim_start_matches('/');
        if controllers.split(',').any(|its| its == controller) {
            let root = PathBuf::from("/sys/fs/cgroup").join(controller);
            found.extend([(root.join(own), 1), (root, 1)]);
        } else if controllers.is_empty() {
            let root = PathBuf::from("/sys/fs/cgroup");
            found.extend([(root.join(own), 2), (root, 2)]);
        }
    }
    found.retain(|(parent, version)| {
        *version == 1 && parent.is_dir()
            || fs::read_to_string(parent.join("cgroup.subtree_control")).is_ok_and(|on| on.split_whitespace().any(|its| its == controller))
    });
    found
}
