//! Where a value was written.

use std::fmt;

use serde::Serialize;
use switchyard_model::{SourceId, Sources, Span};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    pub kind: Kind,
    #[serde(flatten)]
    pub place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Flow,
    /// The host's `switchyard.yaml`.
    Configuration,
    BuiltIn,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Origin {
    pub const BUILT_IN: Self = Self { kind: Kind::BuiltIn, place: None };

    pub fn of(span: Span, flow: SourceId, sources: &Sources) -> Self {
        if span.source == SourceId::BUILT_IN {
            return Self::BUILT_IN;
        }
        let location = sources.locate(span);
        Self {
            kind: if span.source == flow { Kind::Flow } else { Kind::Configuration },
            place: Some(Place { file: location.name.to_string(), line: location.line, column: location.column }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}:{}", place.file, place.line),
            None => f.write_str("built in"),
        }
    }
}
