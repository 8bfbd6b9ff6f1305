//! Which file a program's name means, and why a program did not start.

use std::{
    borrow::Cow,
    collections::HashMap,
    env,
    ffi::OsStr,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use rustix::io::Errno;
use switchyard_plugin_api::{Command, Error};

/// Refuses what no system can pass to a program.
pub(super) fn check(command: &Command) -> Result<(), Error> {
    if let Some(argument) = command.argv.iter().find(|argument| argument.contains('\0')) {
        return Err(Error::user("process::nul_byte", format!("the argument {argument:?} holds a NUL character"))
            .with_help("remove it: an argument ends at such a character"));
    }
    for (name, value) in &command.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::user("process::invalid_variable", format!("the environment variable {name:?} cannot be set"))
                .with_help("a name is not empty and has no `=`; neither name nor value holds a NUL character"));
        }
    }
    Ok(())
}

/// The file to execute. A bare name is looked up in the host's own `PATH`, whatever `PATH` the command gets.
///
/// The C library would do the same, but not for a command whose environment is set: for a bare name the standard library then leaves
/// `posix_spawn` and forks, which copies the host's page tables and costs more than all else that a task does.
pub(super) fn locate(name: &str) -> Cow<'_, Path> {
    if name.contains('/') {
        return Cow::Borrowed(Path::new(name));
    }
    static FOUND: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    // As a shell does: the place is remembered as long as the program is there.
    if let Some(file) = found.get(name).filter(|file| executable(file)) {
        return Cow::Owned(file.clone());
    }
    match find(name, env::var_os("PATH").as_deref()) {
        Some(file) => {
            found.insert(name.to_owned(), file.clone());
            Cow::Owned(file)
        }
        // A path that cannot exist, so that it fails the same way.
        None => Cow::Owned(Path::new("/nonexistent").join(name)),
    }
}

/// A command without a program.
pub(super) fn empty() -> Error {
    Error::user("process::empty_command", "there is no program to run: the command is an empty list")
        .with_help("give `commands` at least one entry, or set an `interpreter`")
}

fn find(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?).map(|directory| directory.join(name)).find(|file| executable(file))
}

fn executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Says why the system refused to start the program and what to do about it.
pub(super) fn explain(error: &io::Error, name: &str, command: &Command, working_dir: &Path) -> Error {
    if !working_dir.is_dir() {
        return Error::environment(
            "process::no_working_dir",
            format!("`{name}` cannot start: its working directory {} does not exist", working_dir.display()),
        );
    }
    let path = env::var("PATH").unwrap_or_default();
    let missing = |file: &Path| {
        if file.exists() {
            Error::task(
                "process::no_interpreter",
                format!("`{name}` cannot start: the interpreter that {} names does not exist", file.display()),
            )
            .with_help("check its first line (`#!`) and its line ends, or install the interpreter or dynamic linker it needs")
        } else if name.contains('/') {
            Error::task("process::program_not_found", format!("`{name}` cannot start: there is no such file"))
                .with_help("a relative path starts at the task's working directory; a script brought by `inputFiles` lies there")
        } else {
            Error::task("process::program_not_found", format!("`{name}` cannot start: no such program in the host's PATH ({path})"))
                .with_help("install it on the host, give its full path, or choose a task runner with a container image that has it")
        }
    };
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) => {
            missing(&working_dir.join(find(name, Some(OsStr::new(&path))).unwrap_or_else(|| name.into())))
        }
        Some(Errno::ACCESS | Errno::PERM) => {
            Error::task("process::not_executable", format!("`{name}` cannot start: the host may not execute it ({error})"))
                .with_help("make it executable (`chmod +x`), or name its interpreter first, such as `sh script.sh`")
        }
        Some(Errno::NOEXEC) => {
            Error::task("process::not_executable", format!("`{name}` cannot start: it is not a program for this machine"))
                .with_help("a script needs a first line such as `#!/bin/sh`")
        }
        Some(Errno::TOOBIG) => {
            let longest = command.argv.iter().map(String::len).max().unwrap_or_default();
            Error::task("process::command_too_long", format!("`{name}` cannot start: the system refuses a command this long (longest argument: {longest} bytes)"))
                .with_help("one argument may have 128 KiB: put long text into a file by `inputFiles`, or use a `Script` task whose text is written to a file")
        }
        _ => Error::environment("process::cannot_start", format!("`{name}` cannot start: {error}"))
            .with_help("the host may be out of memory, processes (`ulimit -u`) or open files (`ulimit -n`)"),
    }
}
