//! The host's own log, on standard error: warnings always, more with `-v`.

use std::io;

use tracing::level_filters::LevelFilter;

/// Starts it. Called once, before anything else happens.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber =
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_target(verbose > 0).with_writer(io::stderr).finish();
    // Nobody has set another one before the program began.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
