//! The plugin's side: wraps a [`PluginSet`] into the root module. Used by [`crate::export_plugin!`] only.

use std::sync::{Arc, OnceLock};

use abi_stable::{
    prefix_type::PrefixTypeTrait,
    sabi_trait::TD_Opaque,
    std_types::{RResult, RSlice, RStr, RVec},
};
use async_ffi::{FfiFuture, FutureExt};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

use super::{
    layout::{ComponentBox, ComponentObject, ComponentObject_TO, ContextBox, HostBox, Kind, PluginModule, PluginModuleRef, Reply, Stream},
    panics::{self, Panic, contain},
    runtime::{self, Contained},
    tracing_bridge::{Forward, Trace},
    wire,
};
use crate::{
    BoxFuture, Cancellation, ComponentKind, Context, DynTask, DynTaskRunner, Error, Event, Files, HostContext, LogStream, PlanContext,
    PluginSet, RunRequest, TaskRequest,
};

pub use abi_stable::library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult};

/// How the macro hands the plugin's components over.
pub trait Entry: 'static {
    /// Builds the set; called once.
    fn plugin() -> PluginSet;
}

static SET: OnceLock<Result<PluginSet, Error>> = OnceLock::new();
static HOST: OnceLock<HostBox> = OnceLock::new();

/// The root module of a plugin.
pub fn module<E: Entry>() -> PluginModuleRef {
    PluginModule { init: init::<E>, manifest: manifest::<E>, component: component::<E>, ping }.leak_into_prefix()
}

fn set<E: Entry>() -> Result<&'static PluginSet, Error> {
    SET.get_or_init(|| contain(|| Ok(E::plugin()))).as_ref().map_err(Clone::clone)
}

extern "C" fn init<E: Entry>(host: HostBox) -> Reply {
    // Nothing of the author runs here before the hook is in place.
    let first = HOST.set(host).is_ok();
    if first {
        panics::install_hook(|panic: &Panic| {
            if let (Some(host), Ok(json)) = (HOST.get(), wire::encode(panic)) {
                host.panicked(RSlice::from_slice(&json));
            }
        });
        let forward = |trace: &Trace| {
            if let (Some(host), Ok(json)) = (HOST.get(), wire::encode(trace)) {
                host.trace(RSlice::from_slice(&json));
            }
        };
        // A plugin that sets its own subscriber keeps it.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Forward(forward)));
    }
    wire::reply(contain(|| set::<E>().map(|_| ())))
}

extern "C" fn manifest<E: Entry>() -> Reply {
    wire::reply(contain(|| set::<E>().map(PluginSet::manifest)))
}

extern "C" fn component<E: Entry>(kind: Kind, type_name: RStr<'_>) -> RResult<ComponentBox, RVec<u8>> {
    let found = contain(|| {
        let set = set::<E>()?;
        let served = match kind {
            Kind::TaskRunner => set.find_runner(type_name.as_str()).map(Served::Runner),
            Kind::Task => set.find_task(type_name.as_str()).map(Served::Task),
        };
        let kind = match kind {
            Kind::TaskRunner => ComponentKind::TaskRunner,
            Kind::Task => ComponentKind::Task,
        };
        let served =
            served.ok_or_else(|| Error::plugin("plugin::unknown_component", format!("the plugin has no {} {type_name}", kind.as_str())))?;
        Ok(Exported { served, plugin: set.info().id.clone() })
    });
    match found {
        Ok(exported) => RResult::ROk(ComponentObject_TO::from_value(exported, TD_Opaque)),
        Err(error) => RResult::RErr(RVec::from(serde_json::to_vec(&error).unwrap_or_default())),
    }
}

extern "C" fn ping() -> FfiFuture<()> {
    let handle = SET.get().and_then(|set| set.as_ref().ok()).and_then(|set| runtime::get(&set.info().id).ok()).map(|rt| rt.spawn(async {}));
    async move {
        if let Some(handle) = handle {
            let _ = handle.await;
        }
    }
    .into_ffi()
}

enum Served {
    Runner(Arc<dyn DynTaskRunner>),
    Task(Arc<dyn DynTask>),
}

struct Exported {
    served: Served,
    plugin: String,
}

fn unknown(method: &str) -> Error {
    Error::plugin("plugin::unknown_method", format!("this plugin does not know {method}"))
        .with_help("it was built with an older plugin API; rebuild it to use this feature")
}

impl ComponentObject for Exported {
    fn call(&self, method: RStr<'_>, payload: RSlice<'_, u8>) -> Reply {
        let bytes = payload.as_slice();
        let result = contain(|| match (&self.served, method.as_str()) {
            (Served::Runner(runner), "validate") => wire::encode(&runner.validate(&wire::decode(bytes)?)?),
            (Served::Runner(runner), "paths") => {
                let call: wire::PathsCall<Value, Files> = wire::decode(bytes)?;
                wire::encode(&runner.paths(&call.properties, &call.files)?)
            }
            (Served::Task(task), "validate") => wire::encode(&task.validate(&wire::decode(bytes)?)?),
            (Served::Task(task), "plan") => {
                let call: wire::PlanCall<Value, PlanContext> = wire::decode(bytes)?;
                wire::encode(&task.plan(&call.properties, &call.context)?)
            }
            (_, other) => Err(unknown(other)),
        });
        wire::encoded(result)
    }

    fn start(&self, method: RStr<'_>, payload: RSlice<'_, u8>, context: ContextBox) -> FfiFuture<Reply> {
        let started = contain(|| {
            let context = Context::new(Arc::new(HostSide(Arc::new(context))));
            let work: BoxFuture<Result<Value, Error>> = match (&self.served, method.as_str()) {
                (Served::Runner(runner), "run") => {
                    let future = runner.run(wire::decode::<RunRequest>(payload.as_slice())?, context);
                    Box::pin(async move { to_value(&future.await?) })
                }
                (Served::Runner(runner), "attach") => {
                    let (request, checkpoint) = wire::decode::<(RunRequest, Option<Value>)>(payload.as_slice())?;
                    let future = runner.attach(request, checkpoint, context);
                    Box::pin(async move { to_value(&future.await?) })
                }
                (Served::Runner(runner), "preview") => {
                    let future = runner.preview(wire::decode::<RunRequest>(payload.as_slice())?);
                    Box::pin(async move { to_value(&future.await?) })
                }
                (Served::Runner(runner), "health") => {
                    let future = runner.health(wire::decode::<Value>(payload.as_slice())?);
                    Box::pin(async move { to_value(&future.await?) })
                }
                (Served::Task(task), "run") => {
                    let future = task.run(wire::decode::<TaskRequest>(payload.as_slice())?, context);
                    Box::pin(async move { to_value(&future.await?) })
                }
                (_, other) => return Err(unknown(other)),
            };
            Ok(runtime::get(&self.plugin)?.spawn(Contained(Box::pin(work))))
        });
        async move {
            let result = match started {
                Ok(handle) => handle
                    .await
                    .unwrap_or_else(|e| Err(Error::plugin("plugin::aborted", format!("the plugin's work ended without an answer: {e}")))),
                Err(error) => Err(error),
            };
            wire::reply(result)
        }
        .into_ffi()
    }
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|e| Error::plugin("plugin::not_json", format!("an answer cannot be written as JSON: {e}")))
}

/// The host's context as the plugin sees it.
struct HostSide(Arc<ContextBox>);

impl HostContext for HostSide {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        let stream = match stream {
            LogStream::Stdout => Stream::Stdout,
            LogStream::Stderr => Stream::Stderr,
        };
        self.0.try_write_log(stream, time, RSlice::from_slice(bytes))
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(self.0.log_ready())
    }

    fn notify(&self, event: Event) {
        if let Ok(json) = wire::encode(&event) {
            self.0.notify(RSlice::from_slice(&json));
        }
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let payload = match wire::encode(&payload) {
            Ok(bytes) => RVec::from(bytes),
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let answer = self.0.call(RStr::from_str(service), payload);
        Box::pin(async move { wire::result(answer.await) })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let cancelled = self.0.cancelled();
        Box::pin(async move {
            match wire::decode(&cancelled.await) {
                Ok(cancellation) => cancellation,
                // An unreadable request to end is still one.
                Err(_) => Cancellation { reason: crate::CancelReason::Kill, grace_ms: 0 },
            }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        let json = self.0.cancellation();
        if json.is_empty() { None } else { wire::decode(&json).ok() }
    }
}

/// The header of the root module. A wrapper, so that the macro's expansion needs no `unsafe` block.
pub const fn header(load: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `load` is made by the macro and returns the module of exactly this type.
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(load, CheckTypeLayout::Yes) }
}
