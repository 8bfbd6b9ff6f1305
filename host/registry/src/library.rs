//! Opens shared libraries. The only place of this crate with `unsafe` and foreign types.
#![allow(unsafe_code)]

use std::{path::Path, sync::Arc};

use abi_stable::{
    library::AbiHeaderRef,
    std_types::{RResult, RVec},
};
use libloading::os::unix::{Library as Shared, RTLD_LOCAL, RTLD_NOW};
use switchyard_plugin_api::{
    Error,
    abi::{
        host::{Guard, Module},
        layout::ROOT_SYMBOL,
    },
};

use crate::{pool::Pool, preflight::Failure, refusal::Refusal};

/// A library that is mapped into this process, for ever.
pub(crate) struct Library {
    header: AbiHeaderRef,
}

/// Maps a library: its constructors run. Only ever called with private copies of checked files.
pub(crate) fn open(path: &Path) -> Result<Library, Failure> {
    // SAFETY: constructors of the library run here. The file passed the ELF checks and nobody else can change it; what its code
    // does cannot be known, which is why the first call for any content is made in a throw-away process.
    let shared = unsafe { Shared::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|e| Failure::from(explain(&e)))?;
    // SAFETY: the symbol is declared by `export_plugin!` as a static of the type behind `AbiHeaderRef`, which begins with a magic
    // number that `Module::from_header` checks before it looks at anything else.
    let header = unsafe { shared.get::<AbiHeaderRef>(ROOT_SYMBOL) }.map(|symbol| *symbol);
    // Never unloaded: threads, thread-locals and vtables of the plugin live as long as the host.
    std::mem::forget(shared);
    let header = header.map_err(|e| Failure::from(Refusal::new("plugin::no_entry", format!("it has no symbol {ROOT_SYMBOL}: {e}"))))?;
    Ok(Library { header })
}

impl Library {
    /// The root module. `checked` is for content that has passed the layout check of this very build of the host.
    pub fn module(&self, checked: bool, guard: Guard) -> Result<Module, Failure> {
        // SAFETY: the header comes from a library that is never unloaded, and the caller vouches for `checked`.
        unsafe { Module::from_header(self.header, checked, guard) }.map_err(|mismatch| {
            let refusal = Refusal::new("plugin::layout_mismatch", mismatch.summary)
                .with_help(format!("rebuild the plugin with plugin API {}", switchyard_plugin_api::API_VERSION));
            Failure { refusal, report: Some(mismatch.report) }
        })
    }
}

/// Polls a plugin's futures on the pool; a panic of theirs is an error of that call.
pub(crate) fn guard(pool: &Arc<Pool>, plugin: &Arc<str>) -> Guard {
    let (pool, plugin) = (pool.clone(), plugin.clone());
    Arc::new(move |future| {
        let running = pool.run(plugin.clone(), future);
        Box::pin(async move {
            running.await.unwrap_or_else(|error: Error| RResult::RErr(RVec::from(serde_json::to_vec(&error).unwrap_or_default())))
        })
    })
}

fn explain(error: &libloading::Error) -> Refusal {
    // What the system says about the file is the cause, not the error itself.
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let refusal = Refusal::new("plugin::load_failed", format!("the system cannot load it: {text}"));
    if text.contains("static TLS") {
        return refusal.with_help(
            "too many loaded plugins need the static TLS block; start the host with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536",
        );
    }
    if text.contains("cannot open shared object") || text.contains("version `") {
        return refusal.with_help("it needs a library that this system does not have; install it, or build the plugin on an older system");
    }
    refusal
}
