use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// `memory PROGRAM ARGS`: runs the program and prints the most memory, in megabytes, that it or any child it waited for ever had
/// resident.
pub fn run(arguments: &[String]) -> Result<()> {
    let [program, rest @ ..] = arguments else {
        return Err(Error::Usage("memory PROGRAM ARGS".to_owned()));
    };
    let mut command = Command::new(program);
    let status = command.args(rest).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.map_err(|error| Error::Run(format!("{program}: {error}")))?;
    if !status.success() {
        return Err(Error::Run(format!("{program} ended with {status}")));
    }
    println!("{}", largest_child() * 1024.0 / 1e6);
    Ok(())
}

/// In KiB, as Linux counts it.
#[allow(unsafe_code)]
fn largest_child() -> f64 {
    // SAFETY: `rusage` is plain numbers, for which all zeros is a value, and the call fills in the one we own.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    usage.ru_maxrss as f64
}
