//! A plugin written without `export_plugin!`, by hand, with none of the macro's care: what then happens is why the macro exists.
//!
//! For the tests of the boundary only.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use abi_stable::{
    prefix_type::PrefixTypeTrait,
    sabi_trait::TD_Opaque,
    std_types::{RResult, RSlice, RStr, RVec},
};
use async_ffi::{FfiFuture, FutureExt};
use switchyard_plugin_api::{
    API_VERSION, Outcome,
    abi::{
        layout::{ComponentBox, ComponentObject, ComponentObject_TO, ContextBox, HostBox, Kind, PluginModule, PluginModuleRef, Reply},
        plugin::{__call_root_module_loader, LibHeader, RootModuleResult},
    },
    header::{self, RUSTC, TARGET},
};

const TYPE: &str = "dev.switchyard.test.Raw";

struct Raw;

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("a raw drop panics");
    }
}

/// Drops something when it is dropped itself, after its end.
struct Trap {
    work: Pin<Box<dyn Future<Output = Reply> + Send>>,
    _held: Option<PanicOnDrop>,
}

impl Future for Trap {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        self.work.as_mut().poll(context)
    }
}

fn ok(json: impl Into<Vec<u8>>) -> Reply {
    RResult::ROk(RVec::from(json.into()))
}

impl ComponentObject for Raw {
    fn call(&self, _: RStr<'_>, payload: RSlice<'_, u8>) -> Reply {
        let payload = String::from_utf8_lossy(payload.as_slice()).into_owned();
        assert!(!payload.contains("panic-in-call"), "a raw call panics");
        ok(if payload.contains("wrong-json") { "{\"problems\": " } else { "[]" })
    }

    fn start(&self, _: RStr<'_>, payload: RSlice<'_, u8>, _: ContextBox) -> FfiFuture<Reply> {
        let payload = String::from_utf8_lossy(payload.as_slice()).into_owned();
        let asked = |crime: &str| payload.contains(crime);
        let (poll, drop, block) = (asked("panic-in-poll"), asked("panic-in-drop"), asked("block-in-poll"));
        let (time, json, error) = (asked("tokio-time"), asked("wrong-json"), asked("unreadable-error"));
        let work = async move {
            assert!(!poll, "a raw future panics");
            if block {
                let (_keep, wait) = std::sync::mpsc::channel::<()>();
                let _ = wait.recv_timeout(std::time::Duration::from_millis(600));
            }
            if time {
                // No runtime of this library drives the future: the host's reactor is another copy of Tokio.
                switchyard_plugin_api::tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            match (json, error) {
                (true, _) => ok("[1, 2"),
                (_, true) => RResult::RErr(RVec::from(b"\xff\xfe".to_vec())),
                _ => ok(serde_json::to_vec(&Outcome::exited(0)).unwrap_or_default()),
            }
        };
        Trap { work: Box::pin(work), _held: drop.then(|| PanicOnDrop) }.into_ffi()
    }
}

extern "C" fn init(_: HostBox) -> Reply {
    ok("null")
}

extern "C" fn manifest() -> Reply {
    let info = serde_json::json!({
        "id": "raw", "version": "0.1.0", "api": API_VERSION, "rustc": RUSTC, "target": TARGET, "panic": "unwind",
    });
    let component = serde_json::json!({ "kind": "task-runner", "type": TYPE, "schema": { "type": "object" } });
    ok(serde_json::json!({ "plugin": info, "components": [component] }).to_string())
}

extern "C" fn component(_: Kind, _: RStr<'_>) -> RResult<ComponentBox, RVec<u8>> {
    RResult::ROk(ComponentObject_TO::from_value(Raw, TD_Opaque))
}

extern "C" fn ping() -> FfiFuture<()> {
    async {}.into_ffi()
}

fn module() -> PluginModuleRef {
    PluginModule { init, manifest, component, ping }.leak_into_prefix()
}

extern "C" fn load() -> RootModuleResult {
    __call_root_module_loader(module)
}

const PARTS: &[&str] = &[
    "{\"switchyard\":1,\"id\":\"raw\",\"version\":\"0.1.0\",\"api\":\"",
    API_VERSION,
    "\",\"rustc\":\"",
    RUSTC,
    "\",\"target\":\"",
    TARGET,
    "\",\"panic\":\"unwind\",\"components\":[[\"task-runner\",\"",
    TYPE,
    "\"]]}",
];

#[allow(unsafe_code)]
mod exported {
    use super::{LibHeader, PARTS, header, load};
    use switchyard_plugin_api::abi::plugin;

    #[used]
    #[unsafe(link_section = ".switchyard")]
    #[unsafe(export_name = "switchyard_plugin_header_v1")]
    static HEADER: [u8; header::length(PARTS)] = header::concat::<{ header::length(PARTS) }>(PARTS);

    #[unsafe(export_name = "switchyard_plugin_root_v1")]
    pub static ROOT: LibHeader = plugin::header(load);
}
