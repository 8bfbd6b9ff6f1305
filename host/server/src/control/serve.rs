//! The server's side of the control socket.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value as Json;
use switchyard_engine::{Engine, Handle, Refused, Submission, load};
use switchyard_model::{Severity, Sources, State};
use switchyard_plugin_api::Error;
use switchyard_registry::News;
use switchyard_store::{
    journal::{ExecutionFilter, Summary},
    logs::{Line, Source},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use super::{Answer, LogLine, Plugins, Request, Row, SOCKET, Status};

/// Longest line that is shown.
const CUT: usize = 64 * 1024;
/// Between two tries to accept a client when the system refused.
const BREATH: Duration = Duration::from_millis(200);

/// Something that only the program around can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Restart in place.
    Reload,
}

/// Serves the control socket of a data directory.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    engine: Engine,
    address: PathBuf,
    /// Facts of the program around.
    base: Status,
    /// The last about plugin files.
    news: Mutex<News>,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl Control {
    /// Begins to listen. Wishes go to the program around.
    pub fn start(engine: Engine, data_dir: &Path, base: Status) -> io::Result<(Self, mpsc::UnboundedReceiver<Wish>)> {
        let (wishes, wished) = mpsc::unbounded_channel();
        let address = data_dir.join(SOCKET);
        // The whole path may be longer than an address of a socket.
        let place = File::open(data_dir)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", place.as_raw_fd()));
        let _ = std::fs::remove_file(&short);
        let listener = UnixListener::bind(&short)?;
        std::fs::set_permissions(&short, std::fs::Permissions::from_mode(0o600))?;
        let control = Self(Arc::new(Inner { engine, address, base, news: Mutex::default(), wishes }));
        let serving = control.clone();
        tokio::spawn(async move {
            loop {
                let stream = match listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of files or memory: what waits is served when something was given back. Nothing tells when.
                        tracing::warn!(%error, "a command cannot reach this server now");
                        tokio::time::sleep(BREATH).await;
                        continue;
                    }
                };
                let control = serving.clone();
                tokio::spawn(async move {
                    if let Err(error) = control.serve(stream).await {
                        tracing::debug!(%error, "a client went away");
                    }
                });
            }
        });
        Ok((control, wished))
    }

    /// Nobody can reach it any more.
    pub fn close(&self) {
        let _ = std::fs::remove_file(&self.0.address);
    }

    /// Notes what was noticed about plugin files, to be shown to whoever asks.
    pub fn note_plugins(&self, news: News) {
        *self.0.news.lock().unwrap_or_else(PoisonError::into_inner) = news;
    }

    fn news(&self) -> News {
        self.0.news.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn plugins(&self) -> Plugins {
        let News { outlook, unwatched, .. } = self.news();
        // Whoever asks may be elsewhere.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let registry = self.0.engine.registry();
        let mut rows = registry.plugins();
        rows.iter_mut().for_each(|row| row.file = row.file.take().map(absolute));
        let directories = registry.directories().into_iter().map(absolute).collect();
        Plugins { pid: std::process::id(), directories, rows, outlook, unwatched }
    }

    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let (incoming, mut outgoing) = stream.into_split();
        let Some(line) = BufReader::new(incoming).lines().next_line().await? else { return Ok(()) };
        let answer = match serde_json::from_str(&line) {
            Ok(Request::Follow { id }) => match self.follow(&id, &mut outgoing).await {
                Ok(()) => Ok(Answer::Done),
                Err(error) => Err(error),
            },
            Ok(Request::Reload) => {
                // Told before it is done: a host with nothing to wait for is gone at once.
                let told = say(&mut outgoing, &Answer::Done).await;
                // The program around is there as long as this is.
                let _ = self.0.wishes.send(Wish::Reload);
                return told;
            }
            Ok(request) => {
                let quiet = matches!(request, Request::Status | Request::Plugins | Request::Usage);
                let answer = self.answer(request).await;
                let cause = self.0.engine.journal().stalled().borrow().clone();
                if let Some(cause) = cause.filter(|_| !quiet && answer.is_ok()) {
                    let text = format!("{}; what is shown is what the journal had kept by then [{}]", cause, cause.code());
                    say(&mut outgoing, &Answer::Note { text }).await?;
                }
                answer
            }
            Err(error) => Err(Error::user("control::request", format!("this server does not understand the request: {error}"))
                .with_help("use the same version of the command and of the server")),
        };
        let answer = answer.unwrap_or_else(|error| Answer::Refused { code: error.code, message: error.message, help: error.help });
        say(&mut outgoing, &answer).await
    }

    async fn answer(&self, request: Request) -> Result<Answer, Error> {
        let engine = &self.0.engine;
        match request {
            Request::Status => {
                let mut status = self.0.base.clone();
                status.running = engine.count();
                status.processes = engine.processes();
                status.recovery = engine.recovery().report();
                status.plugins = self.news().outlook.lines();
                Ok(Answer::Status(status))
            }
            Request::Run { name, flow, inputs, files, labels } => {
                let mut sources = Sources::new();
                let loaded = load::bytes_of(name, flow.as_bytes(), engine.registry(), engine.config(), &mut sources);
                let loaded = loaded.map_err(|violations| invalid(&violations))?;
                let program = loaded.program.ok_or_else(|| invalid(&loaded.violations))?;
                let submission = Submission { inputs, files, labels, ..Submission::default() };
                let engine = engine.clone();
                let submitted = async move {
                    engine.submit(program, submission).await.map_err(|refused| match refused {
                        Refused::Inputs(violations) => invalid(&violations),
                        Refused::Error(error) => error,
                    })
                };
                self.show(self.written(submitted).await?.id()).await
            }
            Request::Wait { id } => match engine.find(&id) {
                Some(handle) => Ok(ended(&handle).await),
                None => self.show(&id).await,
            },
            Request::List { namespace, flow_id, states, limit } => {
                let filter = ExecutionFilter { namespace, flow_id, states, limit, ..ExecutionFilter::default() };
                let rows = engine.journal().list(filter).await.map_err(journal)?;
                Ok(Answer::Executions { rows: rows.into_iter().map(Row::from).collect() })
            }
            Request::Show { id } => self.show(&id).await,
            Request::Kill { id } => engine.kill(&id).await.map(|_| Answer::Done),
            Request::Restart { id } => {
                let engine = engine.clone();
                self.show(self.written(async move { engine.restart(&id).await }).await?.id()).await
            }
            Request::Replay { id, task_run } => {
                let engine = engine.clone();
                self.show(self.written(async move { engine.replay(&id, task_run.as_deref()).await }).await?.id()).await
            }
            Request::Resume { id, inputs } => engine.resume(&id, inputs).await.map(|_| Answer::Done),
            Request::Pause { id } => engine.pause(&id).await.map(|_| Answer::Done),
            Request::ForceRun { id } => engine.force_run(&id).await.map(|_| Answer::Done),
            Request::ChangeStatus { id, task_run: None, state } => {
                engine.change_status(&id, ended_state(&state)?).await.map(|()| Answer::Done)
            }
            Request::ChangeStatus { id, task_run: Some(run), state } => {
                let state = ended_state(&state)?;
                let engine = engine.clone();
                self.show(self.written(async move { engine.change_task_run(&id, &run, state).await }).await?.id()).await
            }
            Request::UnderWay => Ok(Answer::UnderWay { executions: engine.under_way().await? }),
            Request::Triggers => Ok(Answer::Triggers { triggers: engine.triggers().await? }),
            Request::Toggle { name, off } => engine.toggle(&name, off).await.map(|()| Answer::Done),
            Request::Findings { name, flow } => {
                let loaded = load::bytes_of(name, flow.as_bytes(), engine.registry(), engine.config(), &mut Sources::new());
                let violations = loaded.map_or_else(|violations| violations, |loaded| loaded.violations);
                Ok(Answer::Findings { errors: violations.iter().filter(|found| found.is_error()).map(ToString::to_string).collect() })
            }
            Request::Usage => Ok(Answer::Usage { plugins: engine.registry().usage() }),
            Request::Plugins => Ok(Answer::Plugins(self.plugins())),
            Request::Follow { .. } | Request::Reload => Ok(Answer::Done),
        }
    }

    /// Something that has to be written before it is answered. While nothing can be written it is not begun; when that happens in the
    /// middle, it goes on by itself once it can, and whoever asked need not wait.
    async fn written<T: Send + 'static>(&self, work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
        let mut stalled = self.0.engine.journal().stalled();
        if let Some(cause) = stalled.borrow().clone() {
            return Err(Error::environment(cause.code(), cause.to_string()).with_help("nothing was begun; try again when this is mended"));
        }
        let work = tokio::spawn(work);
        let cause = async {
            match stalled.wait_for(Option::is_some).await.map(|cause| cause.clone()) {
                Ok(Some(cause)) => cause,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => done.unwrap_or_else(|_| Err(Error::cancelled())),
            cause = cause => Err(Error::environment(cause.code(), cause.to_string())
                .with_help("it begins by itself when this is mended; `switchyard executions list` shows it then")),
        }
    }

    async fn show(&self, id: &str) -> Result<Answer, Error> {
        Ok(Answer::Execution { document: self.0.engine.document(id).await? })
    }

    async fn follow(&self, id: &str, outgoing: &mut (impl AsyncWriteExt + Unpin)) -> Result<(), Error> {
        let engine = &self.0.engine;
        let log = engine.logs(id)?;
        let logs = |error: switchyard_store::logs::Error| Error::environment(error.code(), error.to_string());
        let gone = |_| Error::cancelled();
        if engine.find(id).is_none() {
            // It is over: what is there is all.
            engine.document(id).await?;
            let mut lines = log.lines(CUT).map_err(logs)?;
            while let Some(line) = lines.next_line().map_err(logs)? {
                say(outgoing, &Answer::Line(line.into())).await.map_err(gone)?;
            }
            for line in lines.unfinished() {
                say(outgoing, &Answer::Line(line.into())).await.map_err(gone)?;
            }
            return Ok(());
        }
        let mut lines = log.follow(CUT).map_err(logs)?;
        while let Some(line) = lines.next_line().await.map_err(logs)? {
            say(outgoing, &Answer::Line(line.into())).await.map_err(gone)?;
        }
        Ok(())
    }
}

async fn ended(handle: &Handle) -> Answer {
    match handle.left().await {
        Some(document) => Answer::Execution { document: serde_json::to_value(&*document).unwrap_or(Json::Null) },
        None => Answer::Left,
    }
}

async fn say(outgoing: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    outgoing.write_all(&line).await
}

/// What an execution or a task run may be said to have ended in.
pub fn ended_state(name: &str) -> Result<State, Error> {
    let known = State::from_name(name).filter(|state| state.is_terminal());
    known.ok_or_else(|| {
        Error::user("cli::unknown_state", format!("`{name}` is no state that something ends in"))
            .with_help("one of SUCCESS, WARNING, FAILED, KILLED, CANCELLED, SKIPPED")
    })
}

fn invalid(violations: &switchyard_model::Violations) -> Error {
    let errors: Vec<String> = violations.iter().filter(|found| found.severity == Severity::Error).map(ToString::to_string).collect();
    Error::user("cli::invalid", errors.join("\n")).with_help("`switchyard validate` shows each with its place")
}

fn journal(error: switchyard_store::journal::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

impl From<Summary> for Row {
    fn from(summary: Summary) -> Self {
        let Summary { id, namespace, flow_id, state, created, updated, .. } = summary;
        Self { id, namespace, flow_id, state, created, updated }
    }
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        let (task_run, attempt) = line.attempt.rsplit_once('/').unwrap_or((&line.attempt, "0"));
        let level = match line.source {
            Source::Stdout => "INFO".to_owned(),
            Source::Stderr => "ERROR".to_owned(),
            Source::Message(level) => format!("{level:?}").to_uppercase(),
        };
        Self { task_run: task_run.to_owned(), attempt: attempt.parse().unwrap_or_default(), level, time: line.time, text: line.text }
    }
}
