//! The triggers of an engine's flows, and turning them off and on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use switchyard_model::suggestion;
use switchyard_plugin_api::Error;

use super::Schedules;
use crate::{
    engine::Engine,
    listen::{TOGGLES, name},
};

/// A trigger of a flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// `namespace.flow/trigger`.
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    /// By the flow's text, or by a command or task.
    pub disabled: bool,
    /// When it fires next, by the clocks of its zone; only triggers of time know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Engine {
    /// The triggers of all flows that the engine knows, by name.
    pub async fn triggers(&self) -> Result<Vec<Listed>, Error> {
        let shared = self.shared();
        let schedules = Schedules::open(self, Timestamp::now()).await;
        let off = shared.memory.all(TOGGLES).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let mut all = Vec::new();
        for found in shared.flows.all() {
            let flow = &found.flow.program.flow;
            for trigger in &flow.triggers {
                let name = name(&flow.namespace, &flow.id, &trigger.id);
                let toggled = off.iter().any(|(toggled, off)| *toggled == name && *off == Json::Bool(true));
                let disabled = flow.disabled || trigger.disabled || toggled;
                let next = schedules.next_of(&name).filter(|_| !disabled).map(|date| date.strftime("%F %T %Z").to_string());
                all.push(Listed { name, type_name: trigger.canonical_type().to_owned(), disabled, next });
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Turns a trigger off or on, for all hosts of the journal.
    pub async fn toggle(&self, name: &str, off: bool) -> Result<(), Error> {
        let triggers = self.triggers().await?;
        if !triggers.iter().any(|trigger| trigger.name == name) {
            let names = triggers.iter().map(|trigger| trigger.name.as_str());
            let help = suggestion::help(name, names)
                .unwrap_or_else(|| "the server knows the triggers of the flows that it got with `--flows`".to_owned());
            return Err(Error::user("trigger::unknown", format!("there is no trigger `{name}`")).with_help(help));
        }
        let kept = self.shared().memory.put(TOGGLES, name, &Json::Bool(off), None).await;
        kept.map_err(|error| Error::environment(error.code(), error.to_string()))
    }
}
