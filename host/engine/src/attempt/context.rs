//! The host's side of one attempt: takes what the runner reports.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json};
use switchyard_plugin_api::{BoxFuture, Cancellation, Error, Event, HostContext, Level as ReportedLevel, LogStream, Metric, MetricKind};
use switchyard_store::workdir::WorkDir;

use super::{
    cancel::Cancel,
    files,
    log::TaskLog,
    plan::{self, Plans, Ran},
};
use crate::{
    capture::{Capture, LogSink},
    engine::Shared,
    script::Prepared,
};

/// What an attempt leaves behind besides files.
#[derive(Debug, Default)]
pub struct Captured {
    /// Values of `::{"outputs":…}::` lines.
    pub vars: Map<String, Json>,
    /// Facts the runner reported early.
    pub details: Map<String, Json>,
    /// What was measured.
    pub metrics: Vec<switchyard_model::Metric>,
    /// What came of the plans of a task that does its work itself.
    pub plans: Ran,
}

pub struct AttemptContext {
    shared: Arc<Shared>,
    log: TaskLog,
    cancel: Cancel,
    capture: Mutex<Option<Capture<Sink>>>,
    details: Mutex<Map<String, Json>>,
    metrics: Metrics,
    key: String,
    plans: Plans,
}

/// Where a capture's text and events go.
struct Sink {
    log: TaskLog,
    metrics: Metrics,
}

impl LogSink for Sink {
    fn append(&mut self, stream: LogStream, level: ReportedLevel, time: i64, bytes: &[u8]) {
        self.log.stream(stream, level_of(level), time, bytes);
    }

    fn event(&mut self, time: i64, event: Event) {
        match event {
            // Masked by the capture.
            Event::Message { level, message } => self.log.message_at(level_of(level), time, message.as_bytes()),
            Event::Metric(metric) => self.metrics.record(metric),
            _ => {}
        }
    }
}

/// What an attempt measures, by its frames and by its runner.
#[derive(Clone, Default)]
struct Metrics(Arc<Mutex<Vec<switchyard_model::Metric>>>);

impl Metrics {
    fn record(&self, metric: Metric) {
        let kind = match metric.kind {
            MetricKind::Counter => switchyard_model::MetricKind::Counter,
            MetricKind::Timer => switchyard_model::MetricKind::Timer,
            MetricKind::Gauge => switchyard_model::MetricKind::Gauge,
        };
        let metric = switchyard_model::Metric { name: metric.name.into(), kind, value: metric.value, tags: metric.tags };
        metric.record(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> Vec<switchyard_model::Metric> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AttemptContext {
    pub fn new(shared: Arc<Shared>, log: TaskLog, cancel: Cancel, prepared: &Prepared, directory: &WorkDir) -> Arc<Self> {
        let metrics = Metrics::default();
        let capture = Capture::new(Sink { log: log.clone(), metrics: metrics.clone() }, log.masker().clone());
        Arc::new(Self {
            shared,
            key: prepared.request.task.key.clone(),
            log,
            cancel,
            capture: Mutex::new(Some(capture)),
            details: Mutex::default(),
            metrics,
            plans: Plans::new(prepared, directory),
        })
    }

    /// The streams are over; what a runner still writes afterwards is lost with its process.
    pub fn close(&self) -> Captured {
        let capture = self.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
        let vars = capture.map(Capture::finish).unwrap_or_default();
        self.log.end();
        let details = std::mem::take(&mut *self.details.lock().unwrap_or_else(PoisonError::into_inner));
        Captured { vars, details, metrics: self.metrics.take(), plans: self.plans.close() }
    }

    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// Plans need the context itself as the runner's context; the trait only has `&self`.
pub struct Shareable(pub Arc<AttemptContext>);

impl HostContext for Shareable {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        // Written through at once: the runner waits as long as the disk needs, so memory stays bounded.
        if let Some(capture) = &mut *self.0.capture.lock().unwrap_or_else(PoisonError::into_inner) {
            let time = if time == 0 { super::log::now() } else { time };
            capture.push(stream, time, bytes);
        }
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        match event {
            Event::Phase { phase } => self.0.log.phase(phase),
            Event::Progress(progress) => self.0.log.progress(&progress),
            Event::Message { level, message } => self.0.log.message(level_of(level), &message),
            Event::Details { details } => self.0.details.lock().unwrap_or_else(PoisonError::into_inner).extend(details),
            Event::Metric(metric) => self.0.metrics.record(metric),
        }
    }

    fn call(&self, service: &str, payload: Json) -> BoxFuture<Result<Json, Error>> {
        let context = Arc::clone(&self.0);
        match service {
            "checkpoint" => Box::pin(async move {
                let bytes = serde_json::to_vec(&payload).unwrap_or_default();
                let saved = context.shared.journal.save_checkpoint(context.key.clone(), bytes).await;
                saved.map(|_| Json::Null).map_err(|error| Error::environment(error.code(), error.to_string()))
            }),
            "run_plan" => plan::run(context, payload),
            "plan_output" => plan::output(&context),
            "read_file" | "write_file" | "store_file" => files::serve(context, service.to_owned(), payload),
            other => {
                let error = Error::plugin("host::unknown_service", format!("this host has no service `{other}`"))
                    .with_help("the plugin may need a newer host");
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        Box::pin(self.0.cancel.requested())
    }

    fn cancellation(&self) -> Option<Cancellation> {
        self.0.cancel.current()
    }
}

fn level_of(level: ReportedLevel) -> switchyard_model::Level {
    use switchyard_model::Level;
    match level {
        ReportedLevel::Trace => Level::Trace,
        ReportedLevel::Debug => Level::Debug,
        ReportedLevel::Info => Level::Info,
        ReportedLevel::Warn => Level::Warn,
        ReportedLevel::Error => Level::Error,
    }
}
