//! Panics as data. Every shared library has its own copy of std, hence its own hook: the host's never sees a plugin's panic.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::RefCell,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
};

use serde::{Deserialize, Serialize};

use crate::Error;

/// A panic, as it is told to the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Panic {
    pub message: String,
    /// `file:line:column`.
    pub location: String,
    pub thread: String,
    pub backtrace: String,
}

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Replaces the hook: the panic is remembered for [`contain`] and told to `forward`; nothing is printed.
pub(super) fn install_hook(forward: impl Fn(&Panic) + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let panic = Panic {
            message: text(info.payload()),
            location: info.location().map(ToString::to_string).unwrap_or_default(),
            thread: std::thread::current().name().unwrap_or_default().to_owned(),
            backtrace: Backtrace::force_capture().to_string(),
        };
        forward(&panic);
        LAST.with_borrow_mut(|last| *last = Some(panic));
    }));
}

/// Runs `work`; a panic becomes an error with message, place and backtrace.
pub(super) fn contain<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(as_error(&payload)))
}

/// The error for a caught payload, on the thread that caught it.
pub(super) fn as_error(payload: &Box<dyn Any + Send>) -> Error {
    let panic = LAST.with_borrow_mut(Option::take).unwrap_or_else(|| Panic { message: text(&**payload), ..Panic::default() });
    let at = if panic.location.is_empty() { String::new() } else { format!(" at {}", panic.location) };
    let mut error = Error::plugin("plugin::panic", format!("the plugin panicked{at}: {}", panic.message))
        .with_help("this is a bug of the plugin; report it to its author with the backtrace");
    error.backtrace = (!panic.backtrace.is_empty()).then(|| panic.backtrace.into_boxed_str());
    error
}

fn text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
