//! Starts the processes in which a plugin is tested, and starts another one when one was ended by the plugin.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use switchyard_plugin_api::testkit::{Options, Row, Verdict};
use switchyard_registry::State;

use super::child::{MARK, Message, Order};
use crate::{failure::Failure, host::Host, place};

/// A behaviour takes several runs, each of which may take the time that one run may take.
const RUNS: u32 = 12;

/// A directory with the library alone, and what else its examples need.
pub struct Stage {
    root: PathBuf,
    pub directory: PathBuf,
    /// Libraries of other plugins.
    pub others: PathBuf,
}

impl Stage {
    pub fn new(host: &Host, file: &Path, plugin: &str) -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = place::cache().join("conformance").join(format!("{}-{number}", std::process::id()));
        let stage = Self { directory: root.join("plugin"), others: root.join("others"), root };
        for folder in [&stage.directory, &stage.others] {
            let made = fs::create_dir_all(folder).and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)));
            made.map_err(|error| unwritable(folder, &error))?;
        }
        stage.copy(file, &stage.directory)?;
        let rows = host.registry.plugins();
        let mut others: Vec<&PathBuf> = rows
            .iter()
            .filter(|row| matches!(row.state, State::Ready | State::Loaded) && row.plugin.as_deref() != Some(plugin))
            .filter_map(|row| row.file.as_ref())
            .collect();
        others.sort();
        others.dedup();
        others.into_iter().try_for_each(|other| stage.copy(other, &stage.others))?;
        Ok(stage)
    }

    fn copy(&self, file: &Path, folder: &Path) -> Result<(), Failure> {
        let place = folder.join(file.file_name().unwrap_or_default());
        let copied = fs::copy(file, &place).and_then(|_| fs::set_permissions(&place, fs::Permissions::from_mode(0o600)));
        copied.map_err(|error| unwritable(&place, &error))
    }

    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(|error| unwritable(&path, &error)).map(|()| path)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage("cli::unwritable", format!("{} cannot be written: {error}", path.display()))
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays is in the cache.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Checks the named behaviours of a runner; `each` gets every row.
pub fn check(
    stage: &Stage,
    type_name: &str,
    options: &Options,
    names: &[String],
    each: &mut dyn FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left: Vec<String> = names.to_vec();
    while !left.is_empty() {
        let order =
            Order { directory: stage.directory.clone(), type_name: type_name.to_owned(), options: options.clone(), names: left.clone() };
        let limit = Duration::from_secs(options.patience).saturating_mul(RUNS);
        let ended = watch(&order, limit, &mut |row| {
            left.retain(|name| *name != row.behaviour);
            each(row)
        })?;
        let (behaviour, reason) = match ended {
            Ended::Done => break,
            Ended::During(Some(behaviour), how) => (behaviour, how),
            Ended::During(None, how) => (left[0].clone(), how),
            Ended::Unusable(why) => {
                // Nothing can be asked of it.
                for name in std::mem::take(&mut left) {
                    each(row(&name, Verdict::Failed { reason: why.clone() }))?;
                }
                break;
            }
        };
        left.retain(|name| *name != behaviour);
        each(row(&behaviour, Verdict::Failed { reason }))?;
    }
    Ok(())
}

fn row(behaviour: &str, verdict: Verdict) -> Row {
    let title = super::names().find(|(name, _)| *name == behaviour).map_or("", |(_, title)| title);
    Row { behaviour: behaviour.to_owned(), title: title.to_owned(), verdict, millis: 0 }
}

enum Ended {
    Done,
    /// The process ended while this behaviour was checked.
    During(Option<String>, String),
    Unusable(String),
}

fn watch(order: &Order, limit: Duration, each: &mut dyn FnMut(Row) -> Result<(), Failure>) -> Result<Ended, Failure> {
    let mut child = start(order)?;
    let (sender, messages) = mpsc::channel();
    let Some(stdout) = child.stdout.take() else { return Ok(Ended::Unusable("the process has no output".to_owned())) };
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|size| size > 0) {
            let message = line.strip_prefix(MARK.as_bytes()).and_then(|json| serde_json::from_slice::<Message>(json).ok());
            if message.is_some_and(|message| sender.send(message).is_err()) {
                return;
            }
            line.clear();
        }
    });
    let mut current = None;
    let ended = loop {
        match messages.recv_timeout(limit) {
            Ok(Message::Begins(name)) => current = Some(name),
            Ok(Message::Row(row)) => {
                current = None;
                each(row)?;
            }
            Ok(Message::Unusable(why)) => break Ended::Unusable(why),
            Ok(Message::Done) => break Ended::Done,
            Err(RecvTimeoutError::Timeout) => {
                let reason = format!("no verdict within {} s: the plugin blocks its host; its process was killed", limit.as_secs());
                break Ended::During(current, reason);
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait();
                break Ended::During(current, status.map_or_else(|error| error.to_string(), explain));
            }
        }
    };
    // A plugin's threads may keep a process alive that has said everything.
    let _ = child.kill();
    let _ = child.wait();
    // A process that the plugin left behind may hold the pipe; its reader is left alone.
    drop(reader);
    Ok(ended)
}

fn start(order: &Order) -> Result<Child, Failure> {
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("switchyard"));
    let json = serde_json::to_vec(order).map_err(|error| Failure::output(&error.into()))?;
    let mut child = Command::new(program)
        .arg("__conformance")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::output(&error))?;
    // A child that ended already is explained by its end.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(&json));
    Ok(child)
}

fn explain(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(6), _) => "the plugin ended its host's process by SIGABRT".to_owned(),
        (Some(11), _) => "the plugin ended its host's process by SIGSEGV".to_owned(),
        (Some(signal), _) => format!("the plugin ended its host's process by signal {signal}"),
        (None, code) => format!("the plugin ended its host's process with exit code {}", code.unwrap_or(-1)),
    }
}
