//! Everything that crosses the boundary between the Switchyard host and a plugin.
//!
//! A plugin is a `cdylib` that brings one or more *components*: a [`TaskRunner`] runs a finished command somewhere, a
//! [`Task`] turns its own properties into such a command (or does its work itself). The author writes a properties struct, a
//! plain trait with `async fn`, and one [`export_plugin!`]:
//!
//! ```
//! use switchyard_plugin_api::prelude::*;
//!
//! /// Properties of the runner: this text and the field docs become its schema, its documentation and its hover text.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(rename_all = "camelCase", deny_unknown_fields)]
//! pub struct EchoProperties {
//!     /// Text that is printed before the command's name.
//!     #[serde(default)]
//!     prefix: String,
//! }
//!
//! #[derive(Default)]
//! pub struct EchoRunner;
//!
//! impl TaskRunner for EchoRunner {
//!     type Properties = EchoProperties;
//!     const TYPE: &'static str = "org.example.runner.Echo";
//!
//!     fn describe(&self) -> Description {
//!         Description::new("Prints the command and succeeds.")
//!     }
//!
//!     async fn run(&self, request: RunRequest<EchoProperties>, context: Context) -> Result<Outcome, Error> {
//!         context.phase(Phase::Running);
//!         let line = format!("{}{}\n", request.properties.prefix, request.command.argv.join(" "));
//!         context.write_log(LogStream::Stdout, line.as_bytes()).await;
//!         Ok(Outcome::exited(0))
//!     }
//! }
//!
//! switchyard_plugin_api::export_plugin! {
//!     id: "echo",
//!     runners: [EchoRunner],
//! }
//! # fn main() {}
//! ```
//!
//! What really crosses the library boundary is in [`abi`]: one root module, one kind of object, JSON bytes. Nothing else in this
//! crate contains `unsafe` or a foreign type, and neither does a plugin.

#![warn(missing_docs)]

#[allow(unsafe_code, missing_docs)]
pub mod abi;
mod capabilities;
mod component;
mod context;
mod error;
mod event;
mod export;
mod follow;
pub mod header;
mod outcome;
mod outside;
#[cfg(feature = "recording")]
pub mod recording;
mod request;
mod runner;
mod scalar;
pub mod script;
mod task;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "transfer")]
pub mod transfer;
mod value;

pub use capabilities::{Capabilities, FileStrategy, Image, LogStreams, Placement};
pub use component::{Component, ComponentKind, Description, Example, Manifest, PluginInfo};
pub use context::{CancelReason, Cancellation, Context, HostContext};
pub use error::{Error, ErrorKind};
pub use event::{Event, Level, LogStream, Metric, MetricKind, Phase, Progress};
pub use export::PluginSet;
pub use follow::{FollowedPlan, Line};
pub use outcome::{Attached, FailureReason, Health, Outcome, Preview, Problem};
pub use request::{Command, Files, Paths, RunRequest, TargetOs, TaskRef};
pub use runner::{DynTaskRunner, TaskRunner, TypedRunner};
pub use scalar::{Flag, OneOrMany, PullPolicy, Text};
pub use task::{
    Archive, COMMON_PROPERTIES, DynTask, DynamicRun, DynamicState, Plan, PlanContext, PlanFile, Task, TaskOutcome, TaskRequest, TypedTask,
};
pub use value::{ByteSize, IsoDuration};

#[cfg(doctest)]
#[doc = include_str!("../docs/tutorial.md")]
mod tutorial {}

/// A future that can be stored and sent: what the object-safe traits of this crate return.
pub type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Version of this crate, which is the version of the plugin API.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What most plugins import.
pub mod prelude {
    pub use crate::{
        Attached, Capabilities, Command, Context, Description, Error, ErrorKind, Event, Example, FailureReason, Files, Health, IsoDuration,
        Level, LogStream, Outcome, Paths, Phase, Plan, PlanContext, Preview, Problem, RunRequest, Task, TaskOutcome, TaskRequest,
        TaskRunner,
    };
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}

#[doc(hidden)]
pub use {schemars, serde, serde_json, tokio, tracing};
