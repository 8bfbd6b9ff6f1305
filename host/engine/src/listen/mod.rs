//! Flow triggers: flows that start when executions of other flows have ended. Spec 11.5.

mod window;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use switchyard_expr::Overlay;
use switchyard_model::{Execution, ExecutionTrigger, Flow, JsonMap, Label, Node, State, Trigger};
use switchyard_plugin_api::Error;
use switchyard_store::journal;
use tokio::sync::Mutex;

use self::window::Window;
use crate::{
    call::DEEPEST,
    condition::{Conditions, has_labels, labels},
    context,
    engine::{Engine, Refused, Submission},
    flows::Found,
    memory::Memory,
    services::Services,
    task::{plain, unrendered},
};

const FLOW_TRIGGER: &str = "io.kestra.plugin.core.trigger.Flow";

/// Which triggers are off, by name.
pub(crate) const TOGGLES: &str = "toggle";

/// What the triggers with several conditions have seen so far is in the engine's memory; here is who may look at it.
#[derive(Default)]
pub struct Listeners(Mutex<()>);

/// What a trigger makes of an end.
struct Heard {
    variables: Map<String, Json>,
    /// Present when several things have to happen.
    parts: Option<Parts>,
}

struct Parts {
    /// The names of all of them.
    all: Vec<String>,
    /// Those that happened now.
    held: Vec<String>,
    window: Window,
    /// Whether counting begins anew afterwards.
    reset: bool,
}

/// The last execution that a condition held for.
#[derive(Clone, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    execution: Arc<str>,
    outputs: JsonMap,
    /// The trigger has fired for it.
    used: bool,
}

/// One thing that must have happened.
struct Part<'a> {
    name: String,
    test: Test<'a>,
}

enum Test<'a> {
    /// An entry of `preconditions.flows` or `dependsOn`.
    Upstream(&'a Node),
    /// An entry of `preconditions.where`.
    Filter(&'a Node),
    /// One condition of a `MultipleCondition`.
    Condition(&'a Node),
}

/// Tells every listening flow that an execution has ended.
pub(crate) async fn heard(engine: &Engine, ended: &Execution) {
    let shared = engine.shared();
    for found in shared.flows.listening(FLOW_TRIGGER) {
        let definition = &found.flow.program.flow;
        // A flow never triggers itself.
        if definition.namespace == ended.namespace && definition.id == ended.flow_id {
            continue;
        }
        for trigger in definition.triggers.iter().filter(|trigger| !trigger.disabled && trigger.canonical_type() == FLOW_TRIGGER) {
            let name = name(&definition.namespace, &definition.id, &trigger.id);
            if let Err(error) = listen(engine, &found, trigger, &name, ended).await {
                tracing::error!(trigger = %name, execution = %ended.id, "{} [{}]", error.message, error.code);
            }
        }
    }
}

/// Turns the trigger that began an execution off when it says so for this end. Spec 11.1.
pub(crate) async fn stop_after(engine: &Engine, flow: &Flow, ended: &Execution) {
    let began = |trigger: &&Trigger| ended.trigger.as_ref().is_some_and(|by| by.id == trigger.id && by.type_name == trigger.type_name);
    let Some(trigger) = flow.triggers.iter().find(began) else { return };
    if trigger.stop_after.contains(&ended.state.current()) {
        let name = name(&flow.namespace, &flow.id, &trigger.id);
        if let Err(error) = engine.shared().memory.put(TOGGLES, &name, &Json::Bool(true), None).await {
            tracing::error!(trigger = %name, code = error.code(), %error, "the trigger could not be turned off");
        }
    }
}

/// Names a trigger.
pub(crate) fn name(namespace: &str, flow_id: &str, trigger_id: &str) -> String {
    format!("{namespace}.{flow_id}/{trigger_id}")
}

async fn listen(engine: &Engine, found: &Found, trigger: &Trigger, name: &str, ended: &Execution) -> Result<(), Error> {
    let shared = engine.shared();
    let definition = &found.flow.program.flow;
    let now = Timestamp::now();
    let Some(Heard { mut variables, parts }) = hear(engine, definition, trigger, ended, now)? else { return Ok(()) };
    if shared.memory.get(TOGGLES, name).await.map_err(remembered)? == Some(Json::Bool(true)) {
        return Ok(());
    }
    let mut cause = ended.id.to_string();
    // Two ends at the same time must not both be the last one that was missing.
    let turn = shared.listeners.0.lock().await;
    let mut fired = BTreeMap::new();
    if let Some(parts) = &parts {
        let Some(seen) = together(&shared.memory, name, parts, ended, now).await.map_err(remembered)? else { return Ok(()) };
        let mut merged = JsonMap::new();
        seen.values().for_each(|seen| merged.extend(seen.outputs.clone()));
        variables.insert("outputs".into(), Json::Object(merged));
        // The same ends make the same execution, whichever host hears the last one.
        cause = seen.values().map(|seen| &*seen.execution).collect::<Vec<_>>().join("+");
        fired = seen;
    }
    let mut submission = submission(engine, definition, trigger, ended, variables, &format!("{cause}/{name}"))?;
    if submission.depth > DEEPEST {
        tracing::error!(trigger = %name, "not fired: executions have started each other {DEEPEST} deep [flow::too_deep]");
        return Ok(());
    }
    submission.revision = Some(found.revision);
    match engine.submit(found.flow.clone(), submission).await {
        Ok(_) => {}
        Err(Refused::Error(error)) if error.code == "journal::duplicate" => {
            tracing::debug!(trigger = %name, execution = %ended.id, "another host has fired it");
        }
        Err(refused) => {
            tracing::error!(trigger = %name, execution = %ended.id, ?refused, "the flow that is triggered was refused");
        }
    }
    // Only now: a host that goes before hears the end again and comes to the same execution.
    if parts.is_some_and(|parts| parts.reset) {
        for (part, seen) in fired {
            let used = json!(Seen { used: true, ..seen });
            shared.memory.put(&place(name), &part, &used, None).await.map_err(remembered)?;
        }
    }
    drop(turn);
    Ok(())
}

fn place(name: &str) -> String {
    format!("heard {name}")
}

fn remembered(error: journal::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

/// Remembers what happened now; when all has happened that must, the ends that it was, by part.
async fn together(
    memory: &Memory,
    name: &str,
    parts: &Parts,
    ended: &Execution,
    now: Timestamp,
) -> journal::Result<Option<BTreeMap<String, Seen>>> {
    let place = place(name);
    let seen = |value: Json| serde_json::from_value::<Seen>(value).ok();
    for part in &parts.held {
        // Heard again after a crash of the host, it counts once.
        let known = memory.get(&place, part).await?.and_then(seen);
        if known.is_some_and(|known| known.used && known.execution == ended.id) {
            continue;
        }
        let outputs = ended.outputs.as_deref().cloned().unwrap_or_default();
        let new = Seen { at: now, execution: Arc::clone(&ended.id), outputs, used: false };
        memory.put(&place, part, &json!(new), None).await?;
    }
    let mut all: BTreeMap<String, Seen> =
        memory.all(&place).await?.into_iter().filter_map(|(part, value)| Some((part, seen(value)?))).collect();
    all.retain(|part, seen| !seen.used && parts.all.contains(part) && parts.window.contains(seen.at, now));
    Ok((all.len() == parts.all.len()).then_some(all))
}

/// What an end is to a trigger; `None` when its conditions do not hold.
fn hear(engine: &Engine, listening: &Flow, trigger: &Trigger, ended: &Execution, now: Timestamp) -> Result<Option<Heard>, Error> {
    let shared = engine.shared();
    let states = trigger.node.get("states").and_then(Node::as_seq);
    if states.is_some_and(|states| !states.iter().any(|name| is_state(name, ended.state.current()))) {
        return Ok(None);
    }
    let services = Services::new(shared, &listening.namespace);
    let of_execution = context::of_execution(ended, &shared.context);
    // Conditions of this kind see the flow's outputs.
    let answered = Json::Object(ended.outputs.as_deref().cloned().unwrap_or_default());
    let variables = variables(ended);
    let seen = Json::Object(variables.clone());
    let scope = Overlay::on(&of_execution).with("trigger", &seen).with("flowOutputs", &answered).with_host(&services);
    let conditions = Conditions { expr: &shared.expr, scope: &scope, execution: Some(ended), now };
    if !conditions.all(&trigger.conditions)? {
        return Ok(None);
    }
    if let Some(when) = &trigger.when
        && !shared.expr.render_condition(when, &scope).map_err(|error| unrendered(&error))?
    {
        return Ok(None);
    }
    let Some((parts, window, reset)) = parts(trigger) else { return Ok(Some(Heard { variables, parts: None })) };
    let held: Vec<String> =
        parts.iter().filter(|part| part.holds(&conditions, ended).unwrap_or(false)).map(|part| part.name.clone()).collect();
    if held.is_empty() {
        return Ok(None);
    }
    // One thing alone waits for nothing else, and nothing of it needs to be remembered.
    if parts.len() == 1 {
        return Ok(window.contains(now, now).then_some(Heard { variables, parts: None }));
    }
    let all = parts.into_iter().map(|part| part.name).collect();
    Ok(Some(Heard { variables, parts: Some(Parts { all, held, window, reset }) }))
}

/// The execution to begin.
fn submission(
    engine: &Engine,
    listening: &Flow,
    trigger: &Trigger,
    ended: &Execution,
    variables: Map<String, Json>,
    cause: &str,
) -> Result<Submission, Error> {
    let shared = engine.shared();
    let services = Services::new(shared, &listening.namespace);
    let of_execution = context::of_execution(ended, &shared.context);
    let context = Json::Object(variables.clone());
    let scope = Overlay::on(&of_execution).with("trigger", &context).with_host(&services);
    let inputs = match &trigger.inputs {
        Some(node) => shared.expr.render_value(&node.to_json(), &scope).map_err(|error| unrendered(&error).at("/inputs"))?,
        None => Json::Null,
    };
    let mut labels: Vec<Label> = trigger.labels.clone();
    labels.extend(ended.labels.iter().filter(|label| &*label.key == crate::engine::CORRELATION).cloned());
    Ok(Submission {
        inputs: inputs.as_object().cloned().unwrap_or_default(),
        labels,
        id: Some(crate::core::derived_id(cause, 0)),
        trigger: Some(ExecutionTrigger {
            id: trigger.id.clone(),
            type_name: trigger.type_name.clone(),
            variables: std::sync::Arc::new(variables),
            log_file: None,
        }),
        depth: ended.metadata.depth + 1,
        ..Submission::default()
    })
}

/// What expressions of the trigger see as `trigger`.
fn variables(ended: &Execution) -> Map<String, Json> {
    let labels = context::labels(&ended.labels);
    let all = json!({
        "executionId": ended.id,
        "namespace": ended.namespace,
        "flowId": ended.flow_id,
        "flowRevision": ended.flow_revision,
        "state": ended.state.current(),
        "outputs": ended.outputs.as_deref().cloned().unwrap_or_default(),
        "executionLabels": labels,
    });
    all.as_object().cloned().unwrap_or_default()
}

/// All that must have happened, in which time, and whether counting begins anew afterwards.
fn parts(trigger: &Trigger) -> Option<(Vec<Part<'_>>, Window, bool)> {
    let mut parts = Vec::new();
    let (mut window, mut reset) = (Window::default(), true);
    if let Some(preconditions) = trigger.node.get("preconditions") {
        window = Window::read(preconditions.get("timeWindow"));
        reset = preconditions.get("resetOnSuccess").and_then(Node::as_bool).unwrap_or(true);
        if let Some(flows) = preconditions.get("flows") {
            for (place, node) in flows.as_seq().unwrap_or_default().iter().enumerate() {
                parts.push(Part { name: format!("flow {place}"), test: Test::Upstream(node) });
            }
        }
        if let Some(filters) = preconditions.get("where") {
            for (place, node) in filters.as_seq().unwrap_or_default().iter().enumerate() {
                parts.push(Part { name: format!("where {place}"), test: Test::Filter(node) });
            }
        }
    }
    if let Some(list) = trigger.node.get("dependsOn") {
        window = Window::read(trigger.node.get("window"));
        for (place, node) in list.as_seq().unwrap_or_default().iter().enumerate() {
            parts.push(Part { name: format!("dependsOn {place}"), test: Test::Upstream(node) });
        }
    }
    for condition in &trigger.conditions {
        let name = condition.get("type").and_then(Node::as_str).unwrap_or_default();
        if name.ends_with(".MultipleCondition") || name.ends_with(".Multiple") {
            window = Window::read(Some(condition));
            for (name, entry) in condition.get("conditions").and_then(Node::as_map).into_iter().flat_map(switchyard_model::Map::iter) {
                parts.push(Part { name: format!("condition {name}"), test: Test::Condition(&entry.value) });
            }
        }
    }
    (!parts.is_empty()).then_some((parts, window, reset))
}

impl Part<'_> {
    fn holds(&self, conditions: &Conditions<'_>, ended: &Execution) -> Result<bool, Error> {
        match self.test {
            Test::Condition(node) => conditions.holds(node),
            Test::Upstream(node) => {
                let is = |name: &str, value: &str| node.get(name).and_then(Node::as_str).is_none_or(|wanted| wanted == value);
                let states = node.get("states").and_then(Node::as_seq);
                let fits = is("namespace", &ended.namespace)
                    && is("flowId", &ended.flow_id)
                    && states.is_none_or(|states| states.iter().any(|name| is_state(name, ended.state.current())))
                    && has_labels(ended, &labels(&node.get("labels").map(Node::to_json).unwrap_or_default()));
                match node.get("when").and_then(Node::as_str) {
                    Some(when) if fits => conditions.expr.render_condition(when, conditions.scope).map_err(|error| unrendered(&error)),
                    _ => Ok(fits),
                }
            }
            Test::Filter(node) => {
                let one = node.get("operand").and_then(Node::as_str) == Some("OR");
                let filters = node.get("filters").and_then(Node::as_seq).unwrap_or_default();
                for filter in filters {
                    let fits = filtered(filter, conditions, ended)?;
                    if fits == one {
                        return Ok(one);
                    }
                }
                Ok(!one)
            }
        }
    }
}

fn filtered(filter: &Node, conditions: &Conditions<'_>, ended: &Execution) -> Result<bool, Error> {
    let text = |name: &str| filter.get(name).map(|node| plain(&node.to_json())).unwrap_or_default();
    let wanted = text("value");
    let found: Option<String> = match text("field").as_str() {
        "FLOW_ID" => Some(ended.flow_id.to_string()),
        "NAMESPACE" => Some(ended.namespace.to_string()),
        "STATE" => Some(ended.state.current().name().to_owned()),
        // The value is the expression.
        _ => Some(conditions.expr.render(&wanted, conditions.scope).map_err(|error| unrendered(&error))?).filter(|text| !text.is_empty()),
    };
    let value = found.clone().unwrap_or_default();
    let listed = || filter.get("values").and_then(Node::as_seq).unwrap_or_default().iter().any(|item| plain(&item.to_json()) == value);
    Ok(match text("type").as_str() {
        "EQUAL_TO" => value == wanted,
        "NOT_EQUAL_TO" => value != wanted,
        "IN" => listed(),
        "NOT_IN" => !listed(),
        "IS_TRUE" => switchyard_model::is_truthy(&value),
        "IS_FALSE" => !switchyard_model::is_truthy(&value),
        "IS_NULL" => found.is_none(),
        "IS_NOT_NULL" => found.is_some(),
        "STARTS_WITH" => value.starts_with(&wanted),
        "ENDS_WITH" => value.ends_with(&wanted),
        "CONTAINS" => value.contains(&wanted),
        "REGEX" => {
            let scope = json!({ "value": value, "pattern": wanted });
            conditions.expr.render_condition("{{ value matches pattern }}", &scope).map_err(|error| unrendered(&error))?
        }
        other => return Err(Error::user("flow::invalid_property", format!("the filter type `{other}` is not known"))),
    })
}

fn is_state(name: &Node, state: State) -> bool {
    name.as_str().and_then(State::from_name) == Some(state)
}
