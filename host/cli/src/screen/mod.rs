//! What people see: colours, findings with their place in the text, tables.

mod excerpt;
mod finding;
mod palette;
mod progress;
mod table;

pub use excerpt::Excerpt;
pub use finding::Finding;
pub use palette::Palette;
pub use progress::Progress;
pub use table::Table;

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Whether escape sequences are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// One of the two output streams, as far as people are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// A terminal that understands cursor movements.
    pub terminal: bool,
    pub palette: Palette,
    pub width: usize,
}

impl Screen {
    pub fn stdout(choice: ColorChoice) -> Self {
        Self::of(&io::stdout(), choice)
    }

    pub fn stderr(choice: ColorChoice) -> Self {
        Self::of(&io::stderr(), choice)
    }

    fn of(stream: &(impl IsTerminal + rustix::fd::AsFd), choice: ColorChoice) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colored = match choice {
            ColorChoice::Auto => terminal && !set("NO_COLOR"),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        let width = terminal.then(|| rustix::termios::tcgetwinsize(stream).ok()).flatten().map_or(0, |size| usize::from(size.ws_col));
        Self { terminal, palette: Palette::new(colored), width: if width == 0 { 100 } else { width } }
    }

    /// Shows why a command could not do its work.
    pub fn show_failure(&self, failure: &Failure) {
        let mut text = String::new();
        match &failure.findings {
            Some(findings) => {
                let (violations, sources) = &**findings;
                for violation in violations {
                    text.push_str(&Finding::of(violation, sources).render(self));
                }
            }
            None => text = Finding::from(failure).render(self),
        }
        // Nobody is left to be told that errors cannot be shown.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
