//! The types that cross the boundary.
#![allow(non_local_definitions, non_camel_case_types, clippy::all)]

use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::VersionStrings,
    std_types::{RBox, RResult, RSlice, RStr, RVec},
};
use async_ffi::FfiFuture;

/// JSON bytes of an answer, or JSON bytes of a [`crate::Error`].
pub type Reply = RResult<RVec<u8>, RVec<u8>>;

/// Which stream log bytes belong to.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Kind of a component.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum Kind {
    TaskRunner,
    Task,
}

/// A component inside a plugin. Methods are named, payloads are JSON.
#[sabi_trait]
pub trait ComponentObject: Send + Sync {
    /// Pure methods: `validate`, `paths`, `plan`.
    fn call(&self, method: RStr<'_>, payload: RSlice<'_, u8>) -> Reply;
    /// Methods that take their time: `preview`, `run`, `attach`, `health`. The future only waits: the work is on the plugin's runtime.
    #[sabi(last_prefix_field)]
    fn start(&self, method: RStr<'_>, payload: RSlice<'_, u8>, context: ContextBox) -> FfiFuture<Reply>;
}

/// The host's side of one run.
#[sabi_trait]
pub trait ContextObject: Send + Sync {
    /// Whether the bytes were taken.
    fn try_write_log(&self, stream: Stream, time_unix_nanos: i64, bytes: RSlice<'_, u8>) -> bool;
    /// Resolves when there is room for log bytes.
    fn log_ready(&self) -> FfiFuture<()>;
    /// Takes an event as JSON.
    fn notify(&self, event: RSlice<'_, u8>);
    /// A host service by name.
    fn call(&self, service: RStr<'_>, payload: RVec<u8>) -> FfiFuture<Reply>;
    /// Resolves with a cancellation as JSON.
    fn cancelled(&self) -> FfiFuture<RVec<u8>>;
    /// The cancellation as JSON, or nothing.
    #[sabi(last_prefix_field)]
    fn cancellation(&self) -> RVec<u8>;
}

/// The host's side of one plugin.
#[sabi_trait]
pub trait HostObject: Send + Sync {
    /// A `tracing` event as JSON.
    fn trace(&self, event: RSlice<'_, u8>);
    /// A panic as JSON.
    #[sabi(last_prefix_field)]
    fn panicked(&self, panic: RSlice<'_, u8>);
}

/// A component, owned by whoever holds it.
pub type ComponentBox = ComponentObject_TO<'static, RBox<()>>;
/// A run's context, owned by the plugin while it runs.
pub type ContextBox = ContextObject_TO<'static, RBox<()>>;
/// The host, owned by the plugin for ever.
pub type HostBox = HostObject_TO<'static, RBox<()>>;

/// What a plugin library exports under the symbol [`ROOT_SYMBOL`].
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// Gives the plugin its host. Called once, before anything else but `manifest`.
    pub init: extern "C" fn(HostBox) -> Reply,
    /// The manifest as JSON.
    pub manifest: extern "C" fn() -> Reply,
    /// A component by kind and canonical type name.
    pub component: extern "C" fn(Kind, RStr<'_>) -> RResult<ComponentBox, RVec<u8>>,
    /// Resolves from within the plugin's runtime: late when something blocks it.
    #[sabi(last_prefix_field)]
    pub ping: extern "C" fn() -> FfiFuture<()>,
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "switchyard_plugin";
    const NAME: &'static str = "switchyard_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// Symbol of the root module's header in a plugin library.
pub const ROOT_SYMBOL: &str = "switchyard_plugin_root_v1";
