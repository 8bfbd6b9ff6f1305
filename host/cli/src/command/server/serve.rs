//! `switchyard serve`.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use switchyard_engine::{Engine, Keeper, Options, Unobserved, recovery::Report, schedule::Schedules};
use switchyard_registry::{Lookout, Registry};
use switchyard_server::control::{Control, Status, Wish};

use super::directory;
use crate::{
    arguments::{Globals, Serve},
    baseline::Baseline,
    command::{
        flow_files::{self, Other},
        run::{GRACE, failed, secrets, slots},
    },
    exit::Exit,
    failure::Failure,
    host::Host,
    lock::Lock,
    signals::Signals,
};

/// How long a full disk is waited for. Somebody will make room; until then nothing is lost and nothing goes on.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the work of others may take to be left to itself.
const LEAVE: Duration = Duration::from_secs(30);
/// Tells a program that it took the place of another one.
const GENERATION: &str = "SWITCHYARD_GENERATION";

/// What comes after serving.
enum Next {
    Stop,
    Restart,
}

pub fn run(globals: &Globals, command: &Serve) -> Result<Exit, Failure> {
    let data_dir = directory(globals, &command.data)?;
    let lock = Lock::exclusive(&data_dir)?;
    let data_dir = data_dir.canonicalize().unwrap_or(data_dir);
    let (program, keeper) = keeper(&data_dir)?;
    let mut host = Host::open_kept(globals, Some(keeper.clone()), |options| options.serves = true)?;
    let flows = flow_files::load(&command.flows, &mut host, globals)?;
    Baseline::of(globals, &host, &command.flows).write(&data_dir);
    let generation = env::var(GENERATION).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))?;
    let next = runtime.block_on(serve(command, &host, flows, keeper, &data_dir, generation));
    // A thread of a plugin that blocks must not keep the program.
    runtime.shutdown_background();
    match next? {
        Next::Stop => Ok(Exit::Success),
        Next::Restart => {
            drop(lock);
            let arguments: Vec<OsString> = env::args_os().skip(1).collect();
            let error = std::process::Command::new(&program).args(arguments).env(GENERATION, (generation + 1).to_string()).exec();
            let message = format!("{} cannot be started in the place of the server: {error}", program.display());
            Err(Failure::new(Exit::Failed, "cli::program", message).with_help("start the server again: what was running goes on"))
        }
    }
}

/// How an engine runs what others go on with.
pub fn options(host: &Host, keeper: Keeper, data_dir: &Path) -> Result<Options, Failure> {
    Ok(Options {
        data_dir: data_dir.to_owned(),
        work_dir: data_dir.join("work"),
        journal: true,
        durable: true,
        keeper: Some(keeper),
        patience: Duration::from_secs(2),
        slots: slots(),
        grace: GRACE,
        config: Arc::clone(&host.config),
        secrets: Arc::new(secrets(host.config.secrets_file.as_deref())?),
    })
}

/// Where the processes of a data directory are kept.
pub fn keeper(data_dir: &Path) -> Result<(PathBuf, Keeper), Failure> {
    let program =
        env::current_exe().map_err(|error| Failure::new(Exit::Failed, "cli::program", format!("where is this program? {error}")))?;
    let keeper = Keeper::new(data_dir.join("keeper"), vec![program.clone().into_os_string(), "__keeper".into()]);
    Ok((program, keeper))
}

async fn serve(command: &Serve, host: &Host, flows: Vec<Other>, keeper: Keeper, data_dir: &Path, generation: u32) -> Result<Next, Failure> {
    let mut signals = Signals::watch()?;
    let slots = command.slots.map_or_else(slots, usize::from);
    let keeping = keeper.clone();
    let options = Options { patience: PATIENCE, slots, ..options(host, keeper, data_dir)? };
    let engine = Engine::start(options, host.registry.clone(), Arc::new(Unobserved)).map_err(|error| failed(&error))?;
    // What is taken up again may call them.
    flows.into_iter().for_each(|flow| flow.tell(&engine));
    engine.recover().await.map_err(|error| failed(&error))?;
    let status = Status { pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned(), generation, ..Status::default() };
    let (control, mut wishes) = Control::start(engine.clone(), data_dir, status).map_err(|error| {
        Failure::new(Exit::Failed, "control::socket", format!("the control socket in {} cannot be opened: {error}", data_dir.display()))
            .with_help("remove `control.sock` there if it is no socket, or choose another directory with --data-dir")
    })?;
    let _lookout = watch_plugins(&host.registry, &control)?;
    let report = engine.recovery().report();
    say(&format!("serving {} (pid {}), {} executions go on", data_dir.display(), std::process::id(), report.executions));
    for (id, why) in &report.held {
        say(&format!("execution {id} waits: {why}"));
    }
    let recovery = engine.recovery().clone();
    tokio::spawn(async move {
        let report = recovery.settled().await;
        // What is held may ask for its processes later.
        if report.held.is_empty() && keeping.find().await.unwrap_or(false) {
            keeping.forget_unclaimed();
        }
        if report.attempts > 0 {
            say(&sentence(&report));
        }
    });
    let schedules = Schedules::open(&engine, jiff::Timestamp::now()).await;
    if let Some((next, name)) = schedules.next() {
        say(&format!("{} schedules; the next one is {name}, {}", schedules.len(), next.strftime("%F %T %Z")));
    }
    let schedules = tokio::spawn(schedules.run());
    let restart = tokio::select! {
        restart = signals.next_of_server() => restart,
        wish = wishes.recv() => wish == Some(Wish::Reload),
        () = engine.fenced() => {
            say("this host had lost its lease, others have taken over what it ran: it joins them anew");
            true
        }
    };
    say(if restart { "restarting: running tasks go on" } else { "stopping: running tasks go on" });
    control.close();
    schedules.abort();
    if tokio::time::timeout(LEAVE, engine.detach()).await.is_err() {
        tracing::warn!(seconds = LEAVE.as_secs(), "some tasks could not be left in time; they are looked for at the next start");
    }
    engine.close().await;
    Ok(if restart { Next::Restart } else { Next::Stop })
}

/// Tells what becomes of the plugin directories.
fn watch_plugins(registry: &Registry, control: &Control) -> Result<Lookout, Failure> {
    let control = control.clone();
    let unwatched = std::sync::Mutex::new(None);
    let lookout = Lookout::start(registry, move |news| {
        for (bad, line) in &news.lines {
            if *bad {
                tracing::warn!("plugin {line}");
            } else {
                tracing::info!("plugin {line}");
                say(&format!("plugin {line}"));
            }
        }
        let mut known = unwatched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = news.unwatched.as_ref().filter(|why| known.as_ref() != Some(*why)) {
            tracing::warn!("the system does not watch the plugin directories, they are looked at every few seconds: {why}");
        }
        known.clone_from(&news.unwatched);
        drop(known);
        control.note_plugins(news);
    });
    lookout.map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))
}

/// What a start found, in one line.
pub fn sentence(report: &Report) -> String {
    let mut text =
        format!("of {} running tasks: found {}, lost {}, started twice {}", report.attempts, report.found, report.lost, report.twice);
    if report.submitted > 0 {
        text.push_str(&format!(", not begun before {}", report.submitted));
    }
    match report.open() {
        0 if report.attempts > 0 => text.push_str(&format!("; all accounted for after {} ms", report.millis)),
        0 => {}
        open => text.push_str(&format!(", not known yet {open}")),
    }
    text
}

/// A line for whoever watches. Nobody may be there.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
