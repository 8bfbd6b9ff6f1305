use std::time::Instant;

use crate::failure::Result;

/// Says what happens now, and how long it took when it is over. Plain lines, so that a build log reads like a terminal.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {title}");
    let begin = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "failed" };
    eprintln!("    {verdict}: {title} ({})", elapsed(begin));
    result
}

pub fn note(text: &str) {
    eprintln!("    {text}");
}

/// Something a person must not miss in a long log.
pub fn warning(text: &str) {
    eprintln!("\n!!! {text}\n");
}

fn elapsed(begin: Instant) -> String {
    let seconds = begin.elapsed().as_secs_f64();
    if seconds < 60.0 { format!("{seconds:.1} s") } else { format!("{} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor()) }
}
