//! What a journal has of an execution that no host runs.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use switchyard_model::{Execution, Sources};
use switchyard_plugin_api::{Error, ErrorKind};
use switchyard_registry::Registry;
use switchyard_store::journal::Record;

use crate::{
    config::Config,
    core::Event,
    load::{self, Prepared},
};

/// An execution from its first record on.
pub struct Left {
    pub flow: Arc<Prepared>,
    /// As it was when it began.
    pub execution: Execution,
    pub events: Vec<(Timestamp, Event)>,
    /// How many records there are.
    pub records: u32,
}

#[derive(Deserialize)]
struct Created {
    execution: Execution,
    flow: Arc<str>,
}

/// The execution as it was when it began, and its flow's text.
pub fn created(records: &[Record]) -> Option<(Execution, Arc<str>)> {
    let first = records.first().filter(|record| record.kind == "created")?;
    serde_json::from_slice(&first.payload).ok().map(|Created { execution, flow }| (execution, flow))
}

impl Left {
    pub fn read(id: &str, records: &[Record], registry: &Registry, config: &Config) -> Result<Self, Error> {
        let damaged = |what: String| {
            Error::new(ErrorKind::Environment, "journal::record", format!("the journal of the execution {id} is damaged: {what}"))
                .with_help("restore the data directory from a backup; nothing of the execution was changed")
        };
        let mut created = None;
        let mut events = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            if record.seq as usize != place {
                return Err(damaged(format!("record {place} is missing")));
            }
            match record.kind.as_str() {
                "created" => {
                    let read: Created = serde_json::from_slice(&record.payload)
                        .map_err(|error| damaged(format!("its first record cannot be read: {error}")))?;
                    created = Some(read);
                }
                "event" => {
                    events.push(serde_json::from_slice(&record.payload).map_err(|error| {
                        damaged(format!("record {place} cannot be read: {error}; a newer Switchyard may have written it"))
                    })?);
                }
                // A restart: only these events count from now on.
                "restart" => {
                    let kept: Vec<usize> = serde_json::from_slice(&record.payload)
                        .map_err(|error| damaged(format!("record {place} cannot be read: {error}")))?;
                    let mut all: Vec<Option<(Timestamp, Event)>> = events.into_iter().map(Some).collect();
                    events = kept.into_iter().filter_map(|place| all.get_mut(place)?.take()).collect();
                }
                other => {
                    return Err(damaged(format!(
                        "record {place} is of the unknown kind `{other}`; a newer Switchyard may have written it"
                    )));
                }
            }
        }
        let Some(Created { execution, flow }) = created else { return Err(damaged("it has no first record".to_owned())) };
        let mut sources = Sources::new();
        let loaded =
            load::bytes_of(format!("{}.{}", execution.namespace, execution.flow_id), flow.as_bytes(), registry, config, &mut sources);
        let invalid = |why: String| {
            Error::user("flow::held", format!("the flow {}.{} cannot run here: {why}", execution.namespace, execution.flow_id)).with_help(
                "bring the plugins and the configuration back that it was started with, and restart the host; until then it waits",
            )
        };
        let loaded = loaded.map_err(|violations| invalid(violations.to_string()))?;
        let why = loaded.violations.iter().find(|violation| violation.severity == switchyard_model::Severity::Error);
        let why = why.map(ToString::to_string).unwrap_or_default();
        let flow = loaded.program.ok_or_else(|| invalid(why))?;
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        Ok(Self { flow, execution, events, records })
    }
}
