//! The boundary itself: the only place of this crate with `unsafe` and foreign types.
//!
//! * [`layout`]: the types that cross: one root module, three trait objects, JSON bytes.
//! * [`plugin`]: the plugin's side, used by [`crate::export_plugin!`]: panic containment, runtime, tracing.
//! * [`host`]: the host's side: foreign objects behind the plain traits of this crate.
//!
//! Everything may grow at its end only: a new service or method is a new *name* inside the JSON protocol, so runners to come need
//! no new layout. `tests/layout.rs` fails when the layout changes unannounced.

pub mod host;
pub mod layout;
mod mismatch;
mod panics;
pub mod plugin;
mod runtime;
mod tracing_bridge;
mod wire;
