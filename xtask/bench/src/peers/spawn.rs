use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::error::{Error, Result};

/// `spawn COUNT WIDTH PROGRAM ARGS`: starts the program `COUNT` times on `WIDTH` threads, reads its output to the end, checks its
/// exit status. The least that any program could do that runs tasks and keeps what they print.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count, width, program, rest @ ..] = arguments else {
        return Err(Error::Usage("spawn COUNT WIDTH PROGRAM ARGS".to_owned()));
    };
    let number = |text: &String| text.parse::<usize>().map_err(|_| Error::Usage(format!("`{text}` is not a number")));
    let (count, width) = (number(count)?, number(width)?);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..width).map(|_| scope.spawn(|| turns(&next, count, program, rest))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| Error::Run("a thread of the spawn loop panicked".to_owned()))?)
    })
}

fn turns(next: &AtomicUsize, count: usize, program: &str, arguments: &[String]) -> Result<()> {
    while next.fetch_add(1, Ordering::Relaxed) < count {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Error::Run(format!("{program}: {error}")))?;
        if !output.status.success() {
            return Err(Error::Run(format!("{program} ended with {}", output.status)));
        }
    }
    Ok(())
}
