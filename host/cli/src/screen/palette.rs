//! The few colours that mean something.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Effects, Style};
use switchyard_model::{Severity, State};

#[derive(Debug, Clone, Copy)]
pub struct Palette {
    colored: bool,
}

impl Palette {
    pub fn new(colored: bool) -> Self {
        Self { colored }
    }

    pub fn is_colored(self) -> bool {
        self.colored
    }

    pub fn bold<T: Display>(self, text: T) -> Painted<T> {
        self.paint(Style::new().effects(Effects::BOLD), text)
    }

    pub fn dim<T: Display>(self, text: T) -> Painted<T> {
        self.paint(Style::new().effects(Effects::DIMMED), text)
    }

    pub fn good<T: Display>(self, text: T) -> Painted<T> {
        self.paint(color(AnsiColor::Green), text)
    }

    pub fn bad<T: Display>(self, text: T) -> Painted<T> {
        self.paint(color(AnsiColor::Red), text)
    }

    pub fn doubtful<T: Display>(self, text: T) -> Painted<T> {
        self.paint(color(AnsiColor::Yellow), text)
    }

    pub fn name<T: Display>(self, text: T) -> Painted<T> {
        self.paint(color(AnsiColor::Cyan), text)
    }

    pub fn severity<T: Display>(self, severity: Severity, text: T) -> Painted<T> {
        match severity {
            Severity::Error => self.bad(text),
            Severity::Warning | Severity::Deprecation => self.doubtful(text),
            Severity::Info => self.name(text),
        }
    }

    pub fn state<T: Display>(self, state: State, text: T) -> Painted<T> {
        match state {
            State::Success => self.good(text),
            State::Failed | State::Killed | State::Cancelled => self.bad(text),
            State::Warning | State::Killing | State::Retrying | State::Retried | State::Paused => self.doubtful(text),
            State::Skipped | State::Created | State::Submitted | State::Queued => self.dim(text),
            _ => self.name(text),
        }
    }

    fn paint<T: Display>(self, style: Style, text: T) -> Painted<T> {
        Painted { style: if self.colored { style } else { Style::new() }, text }
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}

/// A text in its colour.
#[derive(Debug, Clone, Copy)]
pub struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.style.fmt(f)?;
        // Padding counts the text, not the escape sequences around it.
        self.text.fmt(f)?;
        write!(f, "{:#}", self.style)
    }
}
