//! The plugin's process: loads the library, answers the host, ends with it.

use std::{
    fs::File,
    io::{self, BufReader},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use rustix::process::{Signal, getpid, kill_process};
use switchyard_plugin_api::{
    BoxFuture, ComponentKind, DynTask, DynTaskRunner, Error,
    abi::host::{Module, Panic, PluginEvents, Trace},
};
use tokio::{runtime::Builder, signal::unix::SignalKind};

use super::{
    frame::{self, Bytes, Frame, Head, Kind, field},
    link::{Link, RunContext},
    outbox::Outbox,
};
use crate::library;

/// The whole life of a plugin's process. The host's binary calls this from the hidden command that [`crate::Options::process`] names;
/// its standard input is the socket.
pub fn process_main(library: &Path, plugin: &str) -> ExitCode {
    match run(library, plugin) {
        // Whatever the plugin still does, its host is gone: destructors of a plugin that hangs must not keep it alive.
        Ok(()) => drop(kill_process(getpid(), Signal::KILL)),
        Err(error) => eprintln!("the process of plugin {plugin} cannot work: {error}"),
    }
    ExitCode::FAILURE
}

fn run(library: &Path, plugin: &str) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // What the plugin starts inherits standard input, and must not talk to the host.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("sy-serve").enable_all().build()?;
    {
        // A service manager signals every process of its group. The host decides when this one ends.
        let _entered = runtime.enter();
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            drop(tokio::signal::unix::signal(kind)?);
        }
    }
    let link = Link::new(Outbox::start(socket.try_clone()?, "sy-serve>".to_owned())?);
    let module = match load(library, plugin, &link) {
        Ok(module) => module,
        Err(error) => {
            // What is in the socket outlives this process.
            link.outbox.push(frame::encode(Kind::Failed, 0, &[&serde_json::to_vec(&error).unwrap_or_default()]));
            return Ok(());
        }
    };
    let mut reader = BufReader::with_capacity(64 << 10, socket);
    while let Some(frame) = frame::read(&mut reader)? {
        take(frame, &module, &link, &runtime).ok_or_else(|| frame::broken("a message that is too short"))?;
    }
    Ok(())
}

fn load(path: &Path, plugin: &str, link: &Arc<Link>) -> Result<Module, Error> {
    // The same build of the host has checked these bytes.
    let opened = library::open(path).and_then(|library| library.module(true, Arc::new(|future| future)));
    let module = opened.map_err(|failure| {
        let mut error = Error::plugin(failure.refusal.code, format!("plugin {plugin}: {}", failure.refusal.reason));
        error.help = failure.refusal.help;
        error
    })?;
    module.init(Arc::new(Told(Arc::clone(link))))?;
    Ok(module)
}

fn take(frame: Frame, module: &Module, link: &Arc<Link>, runtime: &tokio::runtime::Runtime) -> Option<()> {
    let Frame { kind, id, body } = frame;
    match kind {
        Kind::Start => {
            let mut bytes = Bytes(&body);
            let head: Head = serde_json::from_slice(bytes.sized()?).ok()?;
            let at = body.len() - bytes.0.len();
            let call = Call { id, head, body, at, link: Arc::clone(link), module: module.clone() };
            if matches!(call.head.method.as_str(), "validate" | "paths" | "plan") {
                runtime.spawn_blocking(move || call.answer_at_once());
            } else {
                // Here and not in the task, or a cancellation might come before its run.
                let context = link.begin(id, call.head.cancellation);
                runtime.spawn(call.answer(context));
            }
        }
        Kind::Cancel => link.cancel(id, serde_json::from_slice(&body).ok()?),
        Kind::Answer => link.answered(id, frame::read_result(&body).and_then(frame::from_json)),
        Kind::Credit => link.credit(id, usize::try_from(Bytes(&body).u64()?).ok()?),
        Kind::Ping => {
            let (answer, link) = (module.ping(), Arc::clone(link));
            runtime.spawn(async move {
                answer.await;
                link.outbox.push(frame::encode(Kind::Pong, id, &[]));
            });
        }
        _ => return None,
    }
    Some(())
}

/// A call that was asked for.
struct Call {
    id: u64,
    head: Head,
    body: Vec<u8>,
    /// Where its payload begins.
    at: usize,
    link: Arc<Link>,
    module: Module,
}

enum Served {
    Runner(Arc<dyn DynTaskRunner>),
    Task(Arc<dyn DynTask>),
}

impl Call {
    fn payload<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        frame::from_json(&self.body[self.at..])
    }

    fn component(&self) -> Result<Served, Error> {
        match self.head.component {
            ComponentKind::TaskRunner => self.module.runner(&self.head.type_name).map(Served::Runner),
            ComponentKind::Task => self.module.task(&self.head.type_name).map(Served::Task),
        }
    }

    fn unknown(&self) -> Error {
        Error::plugin("plugin::unknown_method", format!("the plugin's process does not know {}", self.head.method))
    }

    fn answer_at_once(self) {
        let answer = self.at_once();
        self.link.outbox.push(frame::result(Kind::Reply, self.id, &answer));
    }

    fn at_once(&self) -> Result<Vec<u8>, Error> {
        let payload: serde_json::Value = self.payload()?;
        let (properties, files, context) = (field(&payload, "properties"), field(&payload, "files"), field(&payload, "context"));
        let shape = |e: serde_json::Error| Error::plugin("plugin::protocol", e.to_string());
        match (self.component()?, self.head.method.as_str()) {
            (Served::Runner(runner), "validate") => frame::to_json(&runner.validate(&payload)?),
            (Served::Runner(runner), "paths") => {
                frame::to_json(&runner.paths(&properties, &serde_json::from_value(files).map_err(shape)?)?)
            }
            (Served::Task(task), "validate") => frame::to_json(&task.validate(&payload)?),
            (Served::Task(task), "plan") => frame::to_json(&task.plan(&properties, &serde_json::from_value(context).map_err(shape)?)?),
            _ => Err(self.unknown()),
        }
    }

    async fn answer(self, context: RunContext) {
        let answer = match self.begin(context) {
            Ok(work) => work.await,
            Err(error) => Err(error),
        };
        // Everything the run wrote is in front of it.
        self.link.end(self.id);
        self.link.outbox.push(frame::result(Kind::Reply, self.id, &answer));
    }

    fn begin(&self, context: RunContext) -> Result<BoxFuture<Result<Vec<u8>, Error>>, Error> {
        let context = switchyard_plugin_api::Context::new(Arc::new(context));
        Ok(match (self.component()?, self.head.method.as_str()) {
            (Served::Runner(runner), "run") => json(runner.run(self.payload()?, context)),
            (Served::Runner(runner), "attach") => {
                let (request, checkpoint) = self.payload()?;
                json(runner.attach(request, checkpoint, context))
            }
            (Served::Runner(runner), "preview") => json(runner.preview(self.payload()?)),
            (Served::Runner(runner), "health") => json(runner.health(self.payload()?)),
            (Served::Task(task), "run") => json(task.run(self.payload()?, context)),
            _ => return Err(self.unknown()),
        })
    }
}

fn json<T: serde::Serialize + 'static>(work: BoxFuture<Result<T, Error>>) -> BoxFuture<Result<Vec<u8>, Error>> {
    Box::pin(async move { frame::to_json(&work.await?) })
}

/// What the plugin tells outside of any run.
struct Told(Arc<Link>);

impl PluginEvents for Told {
    fn trace(&self, event: Trace) {
        let json = serde_json::to_vec(&event).unwrap_or_default();
        self.0.outbox.push_patiently(frame::encode(Kind::Trace, 0, &[&json]));
    }

    fn panicked(&self, panic: Panic) {
        let json = serde_json::to_vec(&panic).unwrap_or_default();
        self.0.outbox.push_patiently(frame::encode(Kind::Panic, 0, &[&json]));
    }
}
