//! Components in a plugin's process, behind the traits of those in the host.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use switchyard_plugin_api::{
    Attached, BoxFuture, ComponentKind, Context, DynTask, DynTaskRunner, Error, Files, Health, Level, Outcome, Paths, Plan, PlanContext,
    Preview, Problem, RunRequest, TaskOutcome, TaskRequest,
};

use super::{
    connection::{Broken, Item, Run},
    frame::{self, Head},
    subprocess::Subprocess,
};
use crate::watch::Watch;

/// A task runner or a task. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    pub process: Arc<Subprocess>,
    pub watch: Arc<Watch>,
    pub component: ComponentKind,
    pub type_name: Arc<str>,
    /// What runs elsewhere can be found again when the process is gone.
    pub reattach: bool,
}

/// The last checkpoint that was stored.
type Checkpoint = Arc<Mutex<Option<Value>>>;

/// Log bytes that were taken are told to the plugin in portions.
const PORTION: usize = 64 << 10;

impl Remote {
    fn head(&self, method: &str, context: Option<&Context>) -> Head {
        Head {
            component: self.component,
            type_name: self.type_name.to_string(),
            method: method.to_owned(),
            cancellation: context.and_then(Context::cancellation),
        }
    }

    fn call<T: DeserializeOwned>(&self, method: &str, payload: &impl Serialize) -> Result<T, Error> {
        let payload = frame::to_json(payload)?;
        let answer = self.process.connection()?.call(&self.head(method, None), &payload, self.process.hung_after());
        match answer {
            Ok(json) => frame::from_json(&json),
            Err(Broken::Plugin(error)) => Err(error),
            Err(Broken::Process(ended)) => Err(*ended.0),
        }
    }

    async fn start<T: DeserializeOwned>(
        &self,
        method: &str,
        payload: &impl Serialize,
        context: Option<&Context>,
        checkpoint: &Checkpoint,
    ) -> Result<T, Broken> {
        let payload = frame::to_json(payload).map_err(Broken::Plugin)?;
        let _work = self.watch.work(self.process.plugin());
        let connection = self.process.connection().map_err(Broken::Plugin)?;
        let run = connection.begin(&self.head(method, context), &payload).map_err(Broken::Process)?;
        let json = follow(run, context, checkpoint).await?;
        frame::from_json(&json).map_err(Broken::Plugin)
    }

    fn begin<T: DeserializeOwned + Send + 'static>(
        &self,
        method: &'static str,
        payload: impl Serialize + Send + Sync + 'static,
        context: Option<Context>,
    ) -> BoxFuture<Result<T, Error>> {
        let this = self.clone();
        Box::pin(async move { this.start(method, &payload, context.as_ref(), &Checkpoint::default()).await.map_err(plain) })
    }

    /// The work goes on elsewhere without the process that began it: a fresh one takes it up, once.
    async fn take_up(&self, request: RunRequest, checkpoint: &Checkpoint, context: &Context, died: Error) -> Result<Outcome, Error> {
        context.message(Level::Warn, format!("{} [{}]; looking for the work with a fresh process", died.message, died.code));
        let last = checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.start("attach", &(request, last), Some(context), checkpoint).await.map_err(plain)? {
            Attached::Ended { outcome } => Ok(outcome),
            // Submitted again it might run twice, and end the process twice.
            Attached::Gone => Err(died),
        }
    }
}

fn plain(broken: Broken) -> Error {
    match broken {
        Broken::Plugin(error) => error,
        Broken::Process(ended) => *ended.0,
    }
}

/// Serves a run until its answer.
async fn follow(mut run: Run, context: Option<&Context>, checkpoint: &Checkpoint) -> Result<Vec<u8>, Broken> {
    let mut cancelled = match context {
        Some(context) if context.cancellation().is_none() => context.host().cancelled(),
        _ => Box::pin(std::future::pending()),
    };
    let mut asked = false;
    let mut services = FuturesUnordered::new();
    let mut taken = 0;
    loop {
        let item = tokio::select! {
            biased;
            item = run.hear() => item,
            Some((number, answer)) = services.next(), if !services.is_empty() => {
                run.answer(number, &answer);
                continue;
            }
            cancellation = &mut cancelled, if !asked => {
                asked = true;
                run.cancel(&cancellation);
                continue;
            }
        };
        match item {
            Item::Log { stream, time, bytes } => {
                let Some(host) = context.map(Context::host) else { continue };
                while !host.try_write_log(stream, time, &bytes) {
                    tokio::select! {
                        () = host.log_ready() => {}
                        cancellation = &mut cancelled, if !asked => {
                            asked = true;
                            run.cancel(&cancellation);
                        }
                    }
                }
                taken += bytes.len();
                if taken >= PORTION || run.is_quiet() {
                    run.credit(std::mem::take(&mut taken));
                }
            }
            Item::Notify(event) => {
                if let Some(context) = context {
                    context.notify(event);
                }
            }
            Item::Call { number, service, payload } => services.push(serve(context.cloned(), checkpoint.clone(), number, service, payload)),
            Item::Reply(answer) => return answer.map_err(Broken::Plugin),
            Item::Ended(ended) => return Err(Broken::Process(ended)),
        }
    }
}

async fn serve(
    context: Option<Context>,
    checkpoint: Checkpoint,
    number: u64,
    service: String,
    payload: Value,
) -> (u64, Result<Vec<u8>, Error>) {
    let Some(context) = context else {
        return (number, Err(Error::plugin("host::unknown_service", format!("{service} is not available here"))));
    };
    let kept = (service == "checkpoint").then(|| payload.clone());
    let answer = context.host().call(&service, payload).await;
    if let (Some(state), Ok(_)) = (kept, &answer) {
        *checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }
    (number, answer.and_then(|answer| frame::to_json(&answer)))
}

impl DynTaskRunner for Remote {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.call("validate", properties)
    }

    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error> {
        self.call("paths", &json!({ "properties": properties, "files": files }))
    }

    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>> {
        self.begin("preview", request, None)
    }

    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>> {
        let this = self.clone();
        Box::pin(async move {
            let checkpoint = Checkpoint::default();
            match this.start("run", &request, Some(&context), &checkpoint).await {
                Ok(outcome) => Ok(outcome),
                Err(Broken::Process(ended)) if this.reattach => this.take_up(request, &checkpoint, &context, *ended.0).await,
                Err(broken) => Err(plain(broken)),
            }
        })
    }

    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>> {
        self.begin("attach", (request, checkpoint), Some(context))
    }

    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>> {
        self.begin("health", properties, None)
    }
}

impl DynTask for Remote {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.call("validate", properties)
    }

    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error> {
        self.call("plan", &json!({ "properties": properties, "context": context }))
    }

    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>> {
        self.begin("run", request, Some(context))
    }
}
