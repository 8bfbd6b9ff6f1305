//! Prints every event to standard error, one line each: `LEVEL target: message field=value`.

use std::fmt::Write as _;

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

struct Console;

pub fn install() {
    // A second subscriber in one process is a mistake of this program, which has one.
    let _ = tracing::subscriber::set_global_default(Console);
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("switchyard") || metadata.target().starts_with("plugin")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        eprintln!("{} {}:{}", event.metadata().level(), event.metadata().target(), line.0.replace('\n', " "));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
