//! `switchyard run`.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value as Json;
use switchyard_engine::{Config, Engine, Loaded, Observer, Options, Refused, Submission, recording::Record};
use switchyard_model::{Input, InputType, JsonMap, Label, Severity, State, suggestion};
use switchyard_plugin_api::ByteSize;
use switchyard_store::secrets::Secrets;
use tokio::sync::mpsc;

use super::{dry_run, flow_files, print_json};
use crate::{
    arguments::{Format, Globals, Run},
    exit::Exit,
    failure::Failure,
    family,
    host::Host,
    lock::Lock,
    scratch::Scratch,
    screen::{Finding, Progress, Screen},
    signals::Signals,
};

/// How long killed tasks may take to end by themselves.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How often a terminal shows that time passes.
const TICK: Duration = Duration::from_millis(100);
/// Local tasks at a time for each processor.
const SLOTS_PER_PROCESSOR: usize = 4;

pub fn run(globals: &Globals, command: &Run) -> Result<Exit, Failure> {
    let mut host = Host::open(globals)?;
    if let Some(directory) = &command.record {
        let config = Config { record: Some(Arc::new(record(command, directory)?)), ..Config::clone(&host.config) };
        host.config = Arc::new(config);
    }
    let loaded = host.load(&command.flow).map_err(|violations| Failure::findings(violations, host.sources.clone()))?;
    if loaded.violations.has_errors() {
        return Err(host.failure(loaded.violations));
    }
    show_doubts(&loaded, &host, globals);
    let submission = submission(&command.inputs, &command.labels, &loaded)?;
    if command.server {
        return super::server::submit(globals, command, &loaded, submission, &host);
    }
    let _lock = command.data_dir.as_deref().or(host.config.data_dir.as_deref()).map(Lock::shared).transpose()?;
    let others = flow_files::load(&command.flows, &mut host, globals)?;
    // Half of the work waits for the kernel: two threads are as good as one per processor, and start sooner.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))?;
    let exit = runtime.block_on(execute(globals, command, &host, loaded, others, submission));
    // A thread of a plugin that blocks must not keep the program.
    runtime.shutdown_background();
    exit
}

async fn execute(
    globals: &Globals,
    command: &Run,
    host: &Host,
    loaded: Loaded,
    others: Vec<flow_files::Other>,
    submission: Submission,
) -> Result<Exit, Failure> {
    let Some(flow) = loaded.program else { return Ok(Exit::Invalid) };
    let json = command.output == Format::Json;
    let progress = Arc::new(Progress::new(globals, command.no_logs, json));
    let kept = command.data_dir.as_deref().or(host.config.data_dir.as_deref());
    let scratch = Scratch::new(kept);
    let options = options(host, &scratch, kept.is_some(), command.slots)?;
    let engine =
        Engine::start(options, host.registry.clone(), Arc::clone(&progress) as Arc<dyn Observer>).map_err(|error| failed(&error))?;
    for written in &command.namespace_files {
        let (namespace, folder) = pair(written, "--namespace-files", "NAMESPACE=DIR")?;
        engine.add_namespace_files(&namespace, Path::new(&folder)).await.map_err(|error| failed(&error))?;
    }
    others.into_iter().for_each(|other| other.tell(&engine));
    engine.flows().insert(Arc::clone(&flow), 1);
    if command.dry_run {
        let tasks = engine.preview(&flow, submission).await.map_err(|refused| refusal(refused, host))?;
        return dry_run::show(&tasks, globals, json);
    }
    let mut signals = Signals::watch()?;
    let handle = engine.submit(flow, submission).await.map_err(|refused| refusal(refused, host))?;
    let mut answers = Answers::listen(command, json);
    let mut clock = tokio::time::interval(TICK);
    let mut interrupted = false;
    // Executions that it started and did not wait for, and those that listened to it, belong to the run.
    let end = async {
        let execution = handle.wait().await;
        engine.idle().await;
        execution
    };
    tokio::pin!(end);
    let execution = loop {
        tokio::select! {
            execution = &mut end => break execution,
            () = signals.next() => {}
            Some(line) = answers.next() => {
                progress.answered(resume(&engine, &line).await);
                continue;
            }
            _ = clock.tick() => {
                progress.tick();
                continue;
            }
        }
        if interrupted {
            progress.end();
            family::kill();
            let failure = Failure::new(Exit::Interrupted, "cli::interrupted", "killed before the tasks had ended by themselves");
            return Err(failure.with_help("containers of this run may be left; they carry labels with its execution id"));
        }
        interrupted = true;
        progress.interrupted();
        engine.all().iter().for_each(switchyard_engine::Handle::kill);
    };
    engine.stop().await;
    progress.finish(&execution);
    if json {
        print_json(&*execution)?;
    }
    if let Some(cause) = engine.journal().stalled().borrow().as_ref() {
        let message = format!("the execution {} ran, but is not kept: {cause}", execution.id);
        return Err(Failure::new(Exit::Failed, cause.cause().code(), message));
    }
    Ok(match execution.state.current() {
        State::Success | State::Warning => Exit::Success,
        _ if interrupted => Exit::Interrupted,
        _ => Exit::Failed,
    })
}

/// What the command line wants to have recorded.
fn record(command: &Run, directory: &Path) -> Result<Record, Failure> {
    let content = match command.record_content.as_deref().map(|size| (size, ByteSize::parse(size))) {
        None => 0,
        Some((_, Some(size))) => size.0,
        Some((written, None)) => {
            return Err(Failure::usage("cli::no_size", format!("{written:?} is no size")).with_help("write it as `64KB` or `10MB`"));
        }
    };
    Ok(Record { only_failed: command.record_failed, content, ..Record::into(directory) })
}

/// Lines that somebody types while the run is paused.
struct Answers(Option<mpsc::UnboundedReceiver<String>>);

impl Answers {
    /// Only where somebody can type, and nothing else reads it.
    fn listen(command: &Run, json: bool) -> Self {
        if json || command.flow == Path::new("-") || !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let (send, receive) = mpsc::unbounded_channel();
        // It may block for ever, which must not keep the program: a plain thread ends with it.
        let reader = std::thread::Builder::new().name("answers".into()).spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self(reader.is_ok().then_some(receive))
    }

    async fn next(&mut self) -> Option<String> {
        match &mut self.0 {
            Some(lines) => lines.recv().await,
            None => std::future::pending().await,
        }
    }
}

/// Resumes what is paused, with inputs as `name=value`; the answer for the screen.
async fn resume(engine: &Engine, line: &str) -> String {
    let given = line.split_whitespace().filter_map(|word| word.split_once('='));
    let inputs: JsonMap = given.map(|(name, value)| (name.to_owned(), Json::String(value.to_owned()))).collect();
    let mut answer = "nothing is paused".to_owned();
    for handle in engine.all() {
        match handle.resume(None, inputs.clone()).await {
            Ok(()) => return "resumed".to_owned(),
            Err(Refused::Inputs(violations)) => answer = violations.to_string(),
            Err(Refused::Error(_)) => {}
        }
    }
    answer
}

/// The engine of a command that runs or asks in this process.
pub(super) fn options(host: &Host, scratch: &Scratch, journal: bool, limit: Option<u16>) -> Result<Options, Failure> {
    Ok(Options {
        data_dir: scratch.data_dir().to_owned(),
        work_dir: scratch.work_dir().to_owned(),
        journal,
        durable: false,
        keeper: None,
        patience: Duration::from_secs(2),
        slots: limit.map_or_else(slots, usize::from),
        grace: GRACE,
        config: Arc::clone(&host.config),
        secrets: Arc::new(secrets(host.config.secrets_file.as_deref())?),
    })
}

pub(super) fn slots() -> usize {
    std::thread::available_parallelism().map_or(SLOTS_PER_PROCESSOR, |processors| processors.get() * SLOTS_PER_PROCESSOR)
}

/// Warnings about a flow that runs all the same.
fn show_doubts(loaded: &Loaded, host: &Host, globals: &Globals) {
    let screen = Screen::stderr(globals.color);
    for violation in loaded.violations.iter().filter(|violation| violation.severity == Severity::Warning) {
        eprint!("{}", Finding::of(violation, &host.sources).render(&screen));
    }
}

/// What the command line gives to the flow. A value is a text; `@path` names a file, which a FILE input gets as it is.
pub(super) fn submission(written_inputs: &[String], labels: &[String], loaded: &Loaded) -> Result<Submission, Failure> {
    let declared = loaded.flow().map(|flow| flow.inputs.as_slice()).unwrap_or_default();
    let (mut inputs, mut files) = (JsonMap::new(), BTreeMap::new());
    for written in written_inputs {
        let (name, value) = pair(written, "-i", "NAME=VALUE")?;
        let known = declared.iter().find(|input| *input.id == *name);
        match value.strip_prefix('@') {
            Some(path) if known.is_some_and(|input| input.kind == InputType::File) => {
                files.insert(name, PathBuf::from(path));
            }
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::unreadable(Path::new(path), &error))?;
                inputs.insert(name, Json::String(text));
            }
            None => {
                inputs.insert(name, Json::String(value));
            }
        }
    }
    if let Some(name) = inputs.keys().find(|name| !declared.iter().any(|input| *input.id == **name)) {
        return Err(unknown_input(name, declared));
    }
    let labels = labels.iter().map(|written| pair(written, "-l", "KEY=VALUE").map(|(key, value)| Label::new(key, value)));
    Ok(Submission { inputs, files, labels: labels.collect::<Result<_, _>>()?, ..Submission::default() })
}

/// A value that nobody reads is mostly a misspelt name.
fn unknown_input(name: &str, declared: &[Input]) -> Failure {
    let failure = Failure::usage("cli::unknown_input", format!("the flow has no input `{name}`"));
    match suggestion::help(name, declared.iter().map(|input| &*input.id)) {
        Some(help) => failure.with_help(help),
        None => failure.with_help("the flow declares no `inputs`"),
    }
}

pub(super) fn pair(written: &str, option: &str, form: &str) -> Result<(String, String), Failure> {
    match written.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::usage("cli::not_a_pair", format!("`{option} {written}` is not {form}"))
            .with_help(format!("write for example `{option} name=value`"))),
    }
}

/// Secrets of the environment, then those of the configured file.
pub(super) fn secrets(file: Option<&Path>) -> Result<Secrets, Failure> {
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (mut secrets, mut doubts) = Secrets::from_env(variables);
    if let Some(file) = file {
        let (more, found) = Secrets::from_file(file).map_err(|error| Failure::usage(error.code(), error.to_string()))?;
        secrets.extend(more);
        doubts.extend(found);
    }
    for doubt in doubts {
        tracing::warn!("{doubt}");
    }
    Ok(secrets)
}

pub(super) fn refusal(refused: Refused, host: &Host) -> Failure {
    match refused {
        Refused::Inputs(violations) => Failure::findings(violations, host.sources.clone()),
        Refused::Error(error) => failed(&error),
    }
}

pub(super) fn failed(error: &switchyard_plugin_api::Error) -> Failure {
    let exit = if error.code.starts_with("journal::") { Exit::Failed } else { Exit::Invalid };
    let mut failure = Failure::new(exit, error.code.clone(), error.message.clone());
    failure.help.clone_from(&error.help);
    failure
}
