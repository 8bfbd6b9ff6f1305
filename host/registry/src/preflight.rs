//! Loads a library for the first time in a throw-away process: whatever it does there, the host only reads about it.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, memfd_create},
    process::{Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, set_parent_process_death_signal, setrlimit},
};
use serde::{Deserialize, Serialize};
use switchyard_plugin_api::{
    Manifest,
    abi::host::{Panic, PluginEvents, Trace},
};

use crate::{gate::Gates, library, refusal::Refusal};

/// Before each message on the child's standard output, where the plugin may write as well.
const MARK: &str = "switchyard-preflight ";
/// More than any manifest, less than harm.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// What the child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    Load,
    Layout,
    Init,
    Manifest,
    Schema,
}

impl Step {
    const ALL: [Self; 5] = [Self::Load, Self::Layout, Self::Init, Self::Manifest, Self::Schema];

    fn gate(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Layout => "layout",
            Self::Init => "init",
            Self::Manifest => "manifest",
            Self::Schema => "schema",
        }
    }

    fn activity(self) -> &'static str {
        match self {
            Self::Load => "loading",
            Self::Layout => "checking its layout",
            Self::Init => "initialising",
            Self::Manifest => "making its manifest",
            Self::Schema => "checking its schemas",
        }
    }

    fn passed(self) -> &'static str {
        match self {
            Self::Load => "dlopen succeeded in a throw-away process",
            Self::Layout => "the types of the boundary are laid out as the host's",
            Self::Init => "the plugin accepted its host",
            Self::Manifest => "the manifest is complete and agrees with the header",
            Self::Schema => "every schema is valid",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Message {
    Step(Step),
    Refused(Failure),
    Manifest(Box<Manifest>),
}

/// A refusal, with the long report that goes to a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub refusal: Refusal,
    #[serde(default)]
    pub report: Option<String>,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, report: None }
    }
}

/// Runs the child and explains its end.
pub(crate) fn run(argv: &[OsString], timeout: Duration, library: &Path, gates: &mut Gates) -> Result<Manifest, Failure> {
    let (ended, stdout, stderr) = observe(argv, timeout, library).map_err(|e| {
        let program = argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
        let refusal = Refusal::new("plugin::no_preflight", format!("the process that loads it first, `{program}`, cannot be started: {e}"));
        Failure::from(gates.fail("load", refusal))
    })?;
    let mut step = Step::Load;
    let mut answer = None;
    for line in stdout.split(|b| *b == b'\n').filter_map(|line| line.strip_prefix(MARK.as_bytes())) {
        match serde_json::from_slice(line) {
            Ok(Message::Step(next)) => step = next,
            Ok(Message::Refused(failure)) => answer = Some(Err(failure)),
            Ok(Message::Manifest(manifest)) => answer = Some(Ok(*manifest)),
            // The plugin wrote into the line; without an answer the end of the process tells.
            Err(_) => {}
        }
    }
    let done = if matches!(answer, Some(Ok(_))) { Step::ALL.len() } else { Step::ALL.iter().take_while(|s| **s != step).count() };
    for passed in &Step::ALL[..done] {
        gates.pass(passed.gate(), passed.passed());
    }
    match answer {
        Some(Ok(manifest)) => Ok(manifest),
        Some(Err(failure)) => {
            gates.fail(step.gate(), failure.refusal.clone());
            Err(failure)
        }
        None => {
            let refusal = explain(step, ended, timeout, &stderr);
            Err(Failure::from(gates.fail(step.gate(), refusal)))
        }
    }
}

enum Ended {
    Itself(ExitStatus),
    TimedOut,
}

fn observe(argv: &[OsString], timeout: Duration, library: &Path) -> io::Result<(Ended, Vec<u8>, Vec<u8>)> {
    let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("no program is configured"))?;
    // Memory files, not pipes: a process left behind by the plugin would hold a pipe open.
    let stdout = File::from(memfd_create("preflight-stdout", MemfdFlags::CLOEXEC)?);
    let stderr = File::from(memfd_create("preflight-stderr", MemfdFlags::CLOEXEC)?);
    let mut child = Command::new(program)
        .args(arguments)
        .arg(library)
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .spawn()?;
    let ended = wait(&mut child, timeout)?;
    Ok((ended, contents(stdout)?, contents(stderr)?))
}

fn wait(child: &mut Child, timeout: Duration) -> io::Result<Ended> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a process without a number"))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timespec = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timespec)) {
            Ok(0) => {
                child.kill()?;
                child.wait()?;
                return Ok(Ended::TimedOut);
            }
            Ok(_) => return child.wait().map(Ended::Itself),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn contents(mut file: File) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(OUTPUT_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn explain(step: Step, ended: Ended, timeout: Duration, stderr: &[u8]) -> Refusal {
    let activity = step.activity();
    let last = String::from_utf8_lossy(stderr);
    let last = last.lines().map(str::trim).rfind(|line| !line.is_empty()).map(|line| format!(": {line}")).unwrap_or_default();
    match ended {
        Ended::TimedOut => {
            let reason = format!("it did not answer within {} s while {activity}{last}", timeout.as_secs_f32());
            return Refusal::new("plugin::hung", reason)
                .with_help("if the machine was only busy, try it again with `switchyard plugins check FILE`");
        }
        Ended::Itself(status) => match status.signal() {
            Some(signal) => Refusal::new("plugin::crashed", format!("{} while {activity}{last}", signal_name(signal))),
            None => {
                let code = status.code().unwrap_or_default();
                Refusal::new("plugin::exited", format!("it ended its process with code {code} while {activity}{last}"))
            }
        },
    }
    .with_help("this is a bug of the plugin; ask its author for another build")
}

pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        25 => "SIGXFSZ",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

struct Silent;

impl PluginEvents for Silent {
    fn trace(&self, _: Trace) {}

    fn panicked(&self, panic: Panic) {
        eprintln!("panicked at {}: {}", panic.location, panic.message);
    }
}

/// The whole life of the throw-away process: loads `library`, asks for its manifest, prints it.
///
/// The host's binary calls this from the hidden command that [`crate::Options::preflight`] names.
pub fn preflight_main(library: &Path) -> ExitCode {
    // A process that outlives its host or fills the disk would be harm done by a check. What cannot be set is not worth an end.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let _ = setrlimit(Resource::Core, limit(0));
    let _ = setrlimit(Resource::Fsize, limit(OUTPUT_LIMIT));
    let answer = match describe(library) {
        Ok(manifest) => Message::Manifest(Box::new(manifest)),
        Err(failure) => Message::Refused(failure),
    };
    let code = if matches!(answer, Message::Manifest(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    say(&answer);
    code
}

fn say(message: &Message) {
    if let Ok(json) = serde_json::to_string(message) {
        let mut stdout = io::stdout().lock();
        // A parent that went away needs no answer.
        let _ = writeln!(stdout, "\n{MARK}{json}").and_then(|()| stdout.flush());
    }
}

fn describe(path: &Path) -> Result<Manifest, Failure> {
    say(&Message::Step(Step::Load));
    let library = library::open(path)?;
    say(&Message::Step(Step::Layout));
    let module = library.module(false, Arc::new(|future| future))?;
    say(&Message::Step(Step::Init));
    let failed = |code: &str, error: switchyard_plugin_api::Error| {
        let mut refusal = Refusal::new(code, error.message.clone());
        refusal.help = error.help.clone();
        Failure { refusal, report: error.backtrace.map(String::from) }
    };
    module.init(Arc::new(Silent)).map_err(|e| failed("plugin::init_failed", e))?;
    say(&Message::Step(Step::Manifest));
    let manifest = module.manifest().map_err(|e| failed("plugin::no_manifest", e))?;
    say(&Message::Step(Step::Schema));
    crate::schema::check_manifest(&manifest)?;
    Ok(manifest)
}
