//! One error or warning on the screen: drawn with miette on a terminal, plain lines that editors understand in a pipe.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use switchyard_model::{Severity, Sources, Violation};

use super::{Excerpt, Screen};
use crate::failure::Failure;

/// Something to tell, with its place where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding<'a> {
    pub severity: Severity,
    pub code: Cow<'a, str>,
    pub message: Cow<'a, str>,
    pub help: Option<Cow<'a, str>>,
    pub excerpt: Option<Excerpt>,
}

impl<'a> Finding<'a> {
    pub fn of(violation: &'a Violation, sources: &Sources) -> Self {
        Self {
            severity: violation.severity,
            code: violation.code.into(),
            message: violation.to_string().into(),
            help: violation.help.as_deref().map(Cow::from),
            excerpt: Some(Excerpt::of(sources, violation.span)),
        }
    }

    pub fn render(&self, screen: &Screen) -> String {
        if screen.terminal { self.drawn(screen) } else { self.plain(screen) }
    }

    fn plain(&self, screen: &Screen) -> String {
        let palette = screen.palette;
        let mut text = String::new();
        let place = self.excerpt.as_ref().map(|excerpt| format!("{}: ", excerpt.place())).unwrap_or_default();
        let head = palette.severity(self.severity, format!("{}[{}]", word(self.severity), self.code));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}{head}: {}", palette.bold(place), self.message);
        if let Some(excerpt) = self.excerpt.as_ref().filter(|excerpt| excerpt.line > 0) {
            let number = excerpt.line.to_string();
            let _ = writeln!(text, "  {} {}", palette.dim(format!("{number} |")), excerpt.text);
            let marks = "^".repeat(excerpt.length.max(1));
            let margin = " ".repeat(number.len());
            let _ = writeln!(
                text,
                "  {} {}{}",
                palette.dim(format!("{margin} |")),
                " ".repeat(excerpt.start),
                palette.severity(self.severity, marks)
            );
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "  {} {help}", palette.name("help:"));
        }
        text
    }

    fn drawn(&self, screen: &Screen) -> String {
        let theme = if screen.palette.is_colored() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(screen.width).with_links(false).with_context_lines(1);
        let mut text = String::new();
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(fmt::Error) => self.plain(screen),
        }
    }
}

impl<'a> From<&'a Failure> for Finding<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            severity: Severity::Error,
            code: failure.code.as_str().into(),
            message: failure.message.as_str().into(),
            help: failure.help.as_deref().map(Cow::from),
            excerpt: None,
        }
    }
}

/// What a severity is called in front of a message.
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Deprecation => "deprecated",
        Severity::Info => "info",
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding<'_> {}

impl Diagnostic for Finding<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning | Severity::Deprecation => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().filter(|excerpt| excerpt.line > 0).map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        let bytes = |count: usize| excerpt.text.chars().take(count).map(char::len_utf8).sum::<usize>();
        let start = bytes(excerpt.start);
        let length = bytes(excerpt.start + excerpt.length) - start;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(Some("here".to_owned()), (start, length)))))
    }
}

/// The line, standing at its number: miette sees no more of the text, which may be huge.
impl SourceCode for Excerpt {
    fn read_span<'a>(&'a self, span: &SourceSpan, before: usize, _: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without lines around it miette asks where the place is, with them what to draw.
        let (data, at, column) = if before == 0 {
            let end = (span.offset() + span.len()).min(self.text.len());
            (&self.text.as_bytes()[span.offset().min(end)..end], *span, self.column.saturating_sub(1))
        } else {
            (self.text.as_bytes(), SourceSpan::from((0, self.text.len())), 0)
        };
        let contents = MietteSpanContents::new_named(self.name.clone(), data, at, self.line.saturating_sub(1), column, 1);
        Ok(Box::new(contents))
    }
}
