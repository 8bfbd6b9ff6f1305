//! Who ended the host: a note that outlives it, written while it crashes.
//!
//! A plugin in the host's process may end it by a fault, an abort or an exit. The thread on which that happens tells who it was: it is
//! in a call into a plugin, or it is one of a plugin's own threads, which are named after it. The next start reads the note and gives
//! the plugin a process of its own. A call costs two writes to a thread-local.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    fs::{self, OpenOptions},
    marker::PhantomData,
    os::{fd::IntoRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    ptr,
    sync::{
        Arc, Once,
        atomic::{AtomicI32, Ordering},
    },
};

const FILE: &str = "crashes";
/// What a plugin's own threads are called; Linux keeps 15 bytes of it.
const THREAD: &[u8] = b"sy-";
const SIGNALS: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// Where notes go; opened before anything can crash.
static NOTES: AtomicI32 = AtomicI32::new(-1);

#[derive(Clone, Copy)]
struct Name {
    start: *const u8,
    length: usize,
}

thread_local! {
    /// The plugin whose code runs on this thread.
    static CURRENT: Cell<Name> = const { Cell::new(Name { start: ptr::null(), length: 0 }) };
}

/// The thread is in a call into a plugin until this is dropped, on the same thread.
pub(crate) struct Mark {
    before: Name,
    /// What [`CURRENT`] points to.
    _plugin: Arc<str>,
    _thread: PhantomData<*const ()>,
}

pub(crate) fn mark(plugin: &Arc<str>) -> Mark {
    let plugin = Arc::clone(plugin);
    let before = CURRENT.replace(Name { start: plugin.as_ptr(), length: plugin.len() });
    Mark { before, _plugin: plugin, _thread: PhantomData }
}

impl Drop for Mark {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Looks out for the end of this process, from now on.
pub(crate) fn watch(directory: &Path) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path(directory));
        match file {
            Ok(file) => NOTES.store(file.into_raw_fd(), Ordering::Release),
            Err(error) => return tracing::warn!(%error, "a plugin that ends the host will not be known at the next start"),
        }
        for signal in SIGNALS {
            // SAFETY: an all-zero `sigaction` is a valid one, which is filled in before use. The handler only calls functions that are
            // safe in a signal handler.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                if let Some(at) = SIGNALS.iter().position(|known| *known == signal) {
                    libc::sigaction(signal, &action, BEFORE.0[at].get());
                }
            }
        }
        // SAFETY: the function takes nothing, never unwinds, and stays as long as this program.
        unsafe { libc::atexit(on_exit) };
    });
}

/// The actions that were there before ours.
struct Actions([std::cell::UnsafeCell<libc::sigaction>; 5]);
// SAFETY: written once inside `Once`, before the handler that reads them can run for that signal; never changed afterwards.
unsafe impl Sync for Actions {}
// SAFETY: `sigaction` is plain data, for which zeros are a valid value.
static BEFORE: Actions = Actions(unsafe { std::mem::zeroed() });

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let label: &[u8] = match signal {
        libc::SIGSEGV => b"SIGSEGV ",
        libc::SIGBUS => b"SIGBUS ",
        libc::SIGILL => b"SIGILL ",
        libc::SIGFPE => b"SIGFPE ",
        _ => b"SIGABRT ",
    };
    note(label);
    // SAFETY: `sigaction` and `raise` are safe in a handler; `BEFORE` was filled before this handler was installed. The former action,
    // usually the default one, takes over: a fault happens again when this returns, a signal that was sent is sent again.
    unsafe {
        if let Some(at) = SIGNALS.iter().position(|known| *known == signal) {
            libc::sigaction(signal, BEFORE.0[at].get(), ptr::null_mut());
        }
        if info.is_null() || (*info).si_code <= 0 {
            libc::raise(signal);
        }
    }
}

extern "C" fn on_exit() {
    note(b"exit ");
}

/// Appends `label plugin`, or `label ~name-of-the-thread`; nothing when the thread belongs to the host. No allocation, no lock.
fn note(label: &[u8]) {
    // SAFETY: `CURRENT` points into a string that its `Mark` on this very thread keeps alive; it has no destructor and no lazy
    // initialisation. `prctl` and `write` are safe in a handler; the buffers are as long as said.
    unsafe {
        let current = CURRENT.get();
        let mut line = [0_u8; 256];
        let mut end = 0;
        let mut put = |bytes: &[u8]| {
            let size = bytes.len().min(line.len() - 1 - end);
            line[end..end + size].copy_from_slice(&bytes[..size]);
            end += size;
        };
        put(label);
        if current.start.is_null() {
            let mut name = [0_u8; 16];
            libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr());
            let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
            let Some(plugin) = name[..length].strip_prefix(THREAD) else { return };
            put(b"~");
            put(plugin);
        } else {
            put(std::slice::from_raw_parts(current.start, current.length));
        }
        line[end] = b'\n';
        let notes = NOTES.load(Ordering::Acquire);
        libc::write(notes, line.as_ptr().cast(), end + 1);
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Takes the notes of former hosts: plugin and reason. `known` are the ids that a thread's cut name may mean.
pub(crate) fn collect(directory: &Path, known: &[&str]) -> Vec<(String, String)> {
    let path = path(directory);
    // Mostly there is nothing, and that must cost nothing.
    if fs::metadata(&path).map_or(true, |metadata| metadata.len() == 0) {
        return Vec::new();
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    if let Err(error) = fs::write(&path, "") {
        tracing::warn!(%error, "the notes about crashes cannot be taken away");
    }
    read(&text, known)
}

fn read(text: &str, known: &[&str]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (how, who) in text.lines().filter_map(|line| line.split_once(' ')) {
        let reason = match how {
            "exit" => "it ended the host's process by itself".to_owned(),
            signal => format!("it ended the host by {signal}"),
        };
        let plugins: Vec<&str> = match who.strip_prefix('~') {
            Some(cut) => known.iter().copied().filter(|id| id.get(..12).unwrap_or(id) == cut).collect(),
            None => vec![who],
        };
        for plugin in plugins {
            if !found.iter().any(|(id, _)| id == plugin) {
                found.push((plugin.to_owned(), reason.clone()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::signal_name;

    #[test]
    fn notes_name_plugins() {
        let known = ["docker", "misbehave", "a-very-long-name"];
        for (text, expected) in [
            ("SIGSEGV misbehave\n", vec![("misbehave", "it ended the host by SIGSEGV")]),
            ("SIGABRT ~docker\n", vec![("docker", "it ended the host by SIGABRT")]),
            ("exit ~a-very-long-\n", vec![("a-very-long-name", "it ended the host's process by itself")]),
            // Threads of the host that are named alike.
            ("SIGSEGV ~plugins\nSIGSEGV ~watch\n", vec![]),
            ("half a line", vec![("a line", "it ended the host by half")]),
            ("", vec![]),
        ] {
            let found = read(text, &known);
            let found: Vec<(&str, &str)> = found.iter().map(|(plugin, reason)| (plugin.as_str(), reason.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(signal_name(11), "SIGSEGV", "the labels are the names that are used elsewhere");
    }

    #[test]
    fn marks_nest() {
        let (outer, inner): (Arc<str>, Arc<str>) = ("outer".into(), "inner".into());
        let length = || CURRENT.get().length;
        let first = mark(&outer);
        let second = mark(&inner);
        assert_eq!(CURRENT.get().start, inner.as_ptr());
        drop(second);
        assert_eq!((CURRENT.get().start, length()), (outer.as_ptr(), 5));
        drop(first);
        assert_eq!(length(), 0);
    }
}
