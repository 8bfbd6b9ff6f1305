//! What plugins tell outside of any run, as events of the host's own `tracing` with the target `plugin::<id>`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use switchyard_plugin_api::abi::host::{Panic, PluginEvents, Trace};
use tracing_core::{
    Event, Kind, Level, Metadata,
    callsite::{Callsite, Identifier},
    dispatcher,
    field::{FieldSet, Value, display},
    identify_callsite,
    subscriber::Interest,
};

const FIELDS: &[&str] = &["message", "target", "fields"];
const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// `tracing` wants the target of an event as constant data; a plugin's is known once it is loaded.
struct Source {
    metadata: Metadata<'static>,
}

struct Place {
    source: std::sync::OnceLock<Source>,
}

impl Callsite for Place {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        static UNKNOWN: Place = Place { source: std::sync::OnceLock::new() };
        let unknown = || Source {
            metadata: Metadata::new(
                "plugin",
                "plugin",
                Level::TRACE,
                None,
                None,
                None,
                FieldSet::new(FIELDS, identify_callsite!(&UNKNOWN)),
                Kind::EVENT,
            ),
        };
        &self.source.get_or_init(unknown).metadata
    }
}

/// The places events of one plugin come from, by level. Lives as long as the host, as the plugin does.
fn places(plugin: &str) -> &'static [&'static Place; 5] {
    static PLACES: Mutex<Option<HashMap<String, &'static [&'static Place; 5]>>> = Mutex::new(None);
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    let places = places.get_or_insert_default();
    if let Some(known) = places.get(plugin) {
        return known;
    }
    let target: &'static str = Box::leak(format!("plugin::{plugin}").into_boxed_str());
    let made = LEVELS.map(|level| {
        let place: &'static Place = Box::leak(Box::new(Place { source: std::sync::OnceLock::new() }));
        place.source.get_or_init(|| {
            let fields = FieldSet::new(FIELDS, Identifier(place));
            Source { metadata: Metadata::new("plugin event", target, level, None, None, None, fields, Kind::EVENT) }
        });
        tracing_core::callsite::register(place);
        place
    });
    let made: &'static [&'static Place; 5] = Box::leak(Box::new(made));
    places.insert(plugin.to_owned(), made);
    made
}

/// Forwards one plugin's events.
pub(crate) struct Forward {
    places: &'static [&'static Place; 5],
}

impl Forward {
    pub fn new(plugin: &str) -> Arc<Self> {
        Arc::new(Self { places: places(plugin) })
    }

    fn emit(&self, level: Level, message: &str, target: &str, fields: Option<&str>) {
        let Some(place) = LEVELS.iter().position(|known| *known == level).and_then(|at| self.places.get(at)) else { return };
        let metadata = place.metadata();
        dispatcher::get_default(|dispatch| {
            if dispatch.enabled(metadata) {
                let (message, target, fields) = (display(message), display(target), fields.map(display));
                let values: [Option<&dyn Value>; 3] = [Some(&message), Some(&target), fields.as_ref().map(|fields| fields as &dyn Value)];
                dispatch.event(&Event::new(metadata, &metadata.fields().value_set_all(&values)));
            }
        });
    }
}

impl PluginEvents for Forward {
    fn trace(&self, event: Trace) {
        let level = event.level.parse().unwrap_or(Level::INFO);
        let fields = (!event.fields.is_empty()).then(|| serde_json::Value::Object(event.fields).to_string());
        self.emit(level, &event.message, &event.target, fields.as_deref());
    }

    fn panicked(&self, panic: Panic) {
        let message = format!("panicked at {}: {}", panic.location, panic.message);
        let fields = serde_json::json!({ "thread": panic.thread, "backtrace": panic.backtrace }).to_string();
        self.emit(Level::ERROR, &message, "panic", Some(&fields));
    }
}
