//! Flows, tasks, inputs and executions as plain data, with source spans and validation.
//!
//! A text becomes a [`Node`] tree ([`yaml::parse`]); defaults are merged into that tree by whoever knows them; then
//! [`Flow::from_node`] makes the typed flow or tells everything that is wrong with it, each with its place in the text.
//! Nothing here reads a file, a clock or a random number.

#![forbid(unsafe_code)]

pub mod catalog;
pub mod check;
pub mod concurrency;
pub mod defaults;
pub mod duration;
pub mod dynamic;
pub mod execution;
mod fields;
pub mod flow;
pub mod id;
pub mod input;
pub mod label;
pub mod level;
pub mod map;
pub mod node;
pub mod output;
pub mod path;
pub mod property;
pub mod retry;
mod rule;
pub mod schema;
pub mod sla;
pub mod source;
pub mod state;
pub mod storage;
pub mod suggestion;
pub mod task;
pub mod trigger;
pub mod truth;
pub mod type_name;
pub mod violation;
pub mod yaml;

pub use defaults::{DefaultEntry, read_defaults};
pub use dynamic::Dynamic;
pub use execution::{Attempt, Execution, ExecutionTrigger, JsonMap, Metric, MetricKind, TaskRun};
pub use flow::{Flow, Strictness};
pub use input::{Input, InputType, resolve as resolve_inputs};
pub use label::Label;
pub use level::Level;
pub use map::Map;
pub use node::{Node, Value};
pub use path::Path;
pub use retry::Retry;
pub use rule::check_update;
pub use source::{Location, SourceId, SourceKind, Sources, Span};
pub use state::{State, StateHistory};
pub use task::{Common, Task, TaskKind};
pub use trigger::Trigger;
pub use truth::is_truthy;
pub use type_name::canonical_type;
pub use violation::{Severity, Violation, Violations};
