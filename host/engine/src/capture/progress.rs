//! How far a capture is, so that another one can go on.

use switchyard_plugin_api::{Level, LogStream};

/// Where one stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Bytes that need not come again.
    pub taken: u64,
    /// The level of the text that comes next.
    pub level: Level,
    /// The beginning of the current line has been passed on as text.
    pub inside: bool,
}

/// Where both streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stdout: Spot,
    pub stderr: Spot,
}

impl Progress {
    /// After this many bytes, at these levels.
    pub fn of(&self, stream: LogStream) -> Spot {
        match stream {
            LogStream::Stdout => self.stdout,
            LogStream::Stderr => self.stderr,
        }
    }

    pub(super) fn set(&mut self, stream: LogStream, spot: Spot) {
        match stream {
            LogStream::Stdout => self.stdout = spot,
            LogStream::Stderr => self.stderr = spot,
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        let spot = |level| Spot { taken: 0, level, inside: false };
        Self { stdout: spot(Level::Info), stderr: spot(Level::Error) }
    }
}

impl Spot {
    /// Level and line in one byte.
    pub fn flags(self) -> u8 {
        let level = match self.level {
            Level::Trace => 0,
            Level::Debug => 1,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        level | u8::from(self.inside) << 7
    }

    /// What [`flags`](Self::flags) says, after this many bytes.
    pub fn with_flags(taken: u64, flags: u8) -> Self {
        let level = match flags & 0x7f {
            0 => Level::Trace,
            1 => Level::Debug,
            2 => Level::Info,
            3 => Level::Warn,
            _ => Level::Error,
        };
        Self { taken, level, inside: flags & 0x80 != 0 }
    }
}
