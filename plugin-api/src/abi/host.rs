//! The host's side: foreign objects behind the plain traits of this crate, and the host's own objects for the plugin.

use std::sync::Arc;

use abi_stable::{
    library::AbiHeaderRef,
    sabi_trait::TD_Opaque,
    std_types::{RResult, RSlice, RStr, RVec},
};
use async_ffi::{FfiFuture, FutureExt};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    layout::{ComponentBox, ContextBox, ContextObject, ContextObject_TO, HostObject, HostObject_TO, Kind, PluginModuleRef, Reply, Stream},
    wire,
};
pub use super::{mismatch::Mismatch, panics::Panic, tracing_bridge::Trace};
use crate::{
    Attached, BoxFuture, ComponentKind, Context, DynTask, DynTaskRunner, Error, Event, Files, Health, LogStream, Manifest, Outcome, Paths,
    Plan, PlanContext, Preview, Problem, RunRequest, TaskOutcome, TaskRequest,
};

/// What a plugin tells its host outside of any run.
pub trait PluginEvents: Send + Sync + 'static {
    /// A `tracing` event.
    fn trace(&self, event: Trace);
    /// A panic, told when it happens; the failed call reports it as well.
    fn panicked(&self, panic: Panic);
}

/// Turns the plugin's futures into ones the host may poll: the registry guards them with a watchdog.
pub type Guard = Arc<dyn Fn(BoxFuture<Reply>) -> BoxFuture<Reply> + Send + Sync>;

/// A loaded plugin.
#[derive(Clone)]
pub struct Module {
    module: PluginModuleRef,
    guard: Guard,
}

impl Module {
    /// Checks and initialises the root module behind a header symbol. `trusted` skips the layout check for a library whose
    /// content was checked before by this very host.
    ///
    /// # Safety
    ///
    /// `header` must be the value of the symbol [`super::layout::ROOT_SYMBOL`] of a library that is never unloaded; `trusted` may
    /// only be set if the same bytes passed the check.
    pub unsafe fn from_header(header: AbiHeaderRef, trusted: bool, guard: Guard) -> Result<Self, Mismatch> {
        let header = header.upgrade().map_err(Mismatch::from)?;
        let module = if trusted {
            // SAFETY: the caller vouches that the layout of these bytes was checked before.
            unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() }
        } else {
            header.init_root_module::<PluginModuleRef>()
        };
        module.map(|module| Self { module, guard }).map_err(Mismatch::from)
    }

    /// Gives the plugin its host.
    pub fn init(&self, events: Arc<dyn PluginEvents>) -> Result<(), Error> {
        wire::result((self.module.init())(HostObject_TO::from_value(Host(events), TD_Opaque)))
    }

    /// The manifest, made by the plugin's code.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        wire::result((self.module.manifest())())
    }

    /// A task runner by canonical type name.
    pub fn runner(&self, type_name: &str) -> Result<Arc<dyn DynTaskRunner>, Error> {
        Ok(Arc::new(self.component(ComponentKind::TaskRunner, type_name)?))
    }

    /// A task by canonical type name.
    pub fn task(&self, type_name: &str) -> Result<Arc<dyn DynTask>, Error> {
        Ok(Arc::new(self.component(ComponentKind::Task, type_name)?))
    }

    /// Resolves from within the plugin's runtime.
    pub fn ping(&self) -> BoxFuture<()> {
        Box::pin((self.module.ping())())
    }

    fn component(&self, kind: ComponentKind, type_name: &str) -> Result<Foreign, Error> {
        let kind = match kind {
            ComponentKind::TaskRunner => Kind::TaskRunner,
            ComponentKind::Task => Kind::Task,
        };
        match (self.module.component())(kind, RStr::from_str(type_name)) {
            RResult::ROk(object) => Ok(Foreign { object, guard: self.guard.clone() }),
            RResult::RErr(bytes) => Err(wire::error(&bytes)),
        }
    }
}

struct Foreign {
    object: ComponentBox,
    guard: Guard,
}

impl Foreign {
    fn call<T: DeserializeOwned>(&self, method: &str, payload: &impl Serialize) -> Result<T, Error> {
        let payload = wire::encode(payload)?;
        wire::result(self.object.call(RStr::from_str(method), RSlice::from_slice(&payload)))
    }

    fn start<T: DeserializeOwned + Send + 'static>(
        &self,
        method: &str,
        payload: &impl Serialize,
        context: Option<Context>,
    ) -> BoxFuture<Result<T, Error>> {
        let payload = match wire::encode(payload) {
            Ok(payload) => payload,
            Err(error) => return Box::pin(async move { Err(error) }),
        };
        let context: ContextBox = match context {
            Some(context) => ContextObject_TO::from_value(PluginSide(context), TD_Opaque),
            None => ContextObject_TO::from_value(NoContext, TD_Opaque),
        };
        let future: FfiFuture<Reply> = self.object.start(RStr::from_str(method), RSlice::from_slice(&payload), context);
        let guarded = (self.guard)(Box::pin(future));
        Box::pin(async move { wire::result(guarded.await) })
    }
}

impl DynTaskRunner for Foreign {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.call("validate", properties)
    }

    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error> {
        self.call("paths", &wire::PathsCall { properties, files })
    }

    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>> {
        self.start("preview", &request, None)
    }

    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>> {
        self.start("run", &request, Some(context))
    }

    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>> {
        self.start("attach", &(request, checkpoint), Some(context))
    }

    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>> {
        self.start("health", &properties, None)
    }
}

impl DynTask for Foreign {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.call("validate", properties)
    }

    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error> {
        self.call("plan", &wire::PlanCall { properties, context })
    }

    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>> {
        self.start("run", &request, Some(context))
    }
}

struct Host(Arc<dyn PluginEvents>);

impl HostObject for Host {
    fn trace(&self, event: RSlice<'_, u8>) {
        if let Ok(event) = wire::decode(event.as_slice()) {
            self.0.trace(event);
        }
    }

    fn panicked(&self, panic: RSlice<'_, u8>) {
        if let Ok(panic) = wire::decode(panic.as_slice()) {
            self.0.panicked(panic);
        }
    }
}

/// The run's context as the host serves it. No host code may unwind into the plugin, so a panic here ends in an error or `false`.
struct PluginSide(Context);

fn guarded<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(fallback)
}

impl ContextObject for PluginSide {
    fn try_write_log(&self, stream: Stream, time: i64, bytes: RSlice<'_, u8>) -> bool {
        let stream = match stream {
            Stream::Stdout => LogStream::Stdout,
            Stream::Stderr => LogStream::Stderr,
        };
        // `true` after a panic: the plugin must not wait for ever for room in a broken log.
        guarded(true, || self.0.host().try_write_log(stream, time, bytes.as_slice()))
    }

    fn log_ready(&self) -> FfiFuture<()> {
        self.0.host().log_ready().into_ffi()
    }

    fn notify(&self, event: RSlice<'_, u8>) {
        // Events of a newer plugin that this host does not know are no error.
        if let Ok(event) = wire::decode::<Event>(event.as_slice()) {
            guarded((), || self.0.host().notify(event));
        }
    }

    fn call(&self, service: RStr<'_>, payload: RVec<u8>) -> FfiFuture<Reply> {
        let answer = wire::decode::<Value>(&payload).map(|payload| self.0.host().call(service.as_str(), payload));
        async move {
            match answer {
                Ok(future) => wire::reply(future.await),
                Err(error) => wire::reply::<()>(Err(error)),
            }
        }
        .into_ffi()
    }

    fn cancelled(&self) -> FfiFuture<RVec<u8>> {
        let cancelled = self.0.host().cancelled();
        async move { RVec::from(wire::encode(&cancelled.await).unwrap_or_default()) }.into_ffi()
    }

    fn cancellation(&self) -> RVec<u8> {
        self.0.cancellation().and_then(|c| wire::encode(&c).ok()).map_or_else(RVec::new, RVec::from)
    }
}

/// For methods that get no context: `preview` and `health`.
struct NoContext;

impl ContextObject for NoContext {
    fn try_write_log(&self, _: Stream, _: i64, _: RSlice<'_, u8>) -> bool {
        true
    }

    fn log_ready(&self) -> FfiFuture<()> {
        std::future::ready(()).into_ffi()
    }

    fn notify(&self, _: RSlice<'_, u8>) {}

    fn call(&self, service: RStr<'_>, _: RVec<u8>) -> FfiFuture<Reply> {
        let error = Error::plugin("host::unknown_service", format!("{service} is not available here"));
        std::future::ready(wire::reply::<()>(Err(error))).into_ffi()
    }

    fn cancelled(&self) -> FfiFuture<RVec<u8>> {
        std::future::pending().into_ffi()
    }

    fn cancellation(&self) -> RVec<u8> {
        RVec::new()
    }
}
