//! Triggers of time: flows that start at dates, while a server runs. Spec 11.3.

mod dates;
mod list;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ZonedDateTime, tz::TimeZone};
use serde_json::{Value as Json, json};
use switchyard_expr::Overlay;
use switchyard_model::{Execution, ExecutionTrigger, JsonMap, Node, Trigger};
use switchyard_plugin_api::{Error, IsoDuration};

pub use self::list::Listed;

use self::dates::Dates;
use crate::{
    condition::Conditions,
    context,
    engine::{Engine, Refused, Submission},
    flows::Found,
    listen::{TOGGLES, name},
    services::Services,
    task::{plain, unrendered},
};

pub(crate) const SCHEDULE: &str = "io.kestra.plugin.core.trigger.Schedule";
const ON_DATES: &str = "io.kestra.plugin.core.trigger.ScheduleOnDates";

/// Where the last date of each trigger is remembered.
const PLACE: &str = "schedule";

/// The clock is looked at this often: it may be set, and the machine may sleep.
const LOOK: Duration = Duration::from_secs(60);
/// After a journal refused, it is asked again this much later.
const BREATH: Duration = Duration::from_secs(5);
/// How far the dates around a date are looked for when conditions leave some out. Spec 11.3.
const YEARS: i64 = 10;
/// However short the time between them is.
const MOST: usize = 100_000;

/// The schedules of an engine's flows.
pub struct Schedules {
    engine: Engine,
    all: Vec<Schedule>,
}

struct Schedule {
    found: Found,
    trigger: Trigger,
    name: String,
    dates: Dates,
    /// What the dates come from: with another expression, counting begins anew.
    written: String,
    /// A date that is later than this is left out.
    latest: Option<SignedDuration>,
    next: Option<ZonedDateTime>,
}

impl Schedules {
    /// Reads the triggers of all flows that the engine knows. Dates that were missed since a server last looked are due as
    /// `recoverMissedSchedules` says; a trigger that is new begins now.
    pub async fn open(engine: &Engine, now: Timestamp) -> Self {
        let mut all = Vec::new();
        for kind in [SCHEDULE, ON_DATES] {
            for found in engine.shared().flows.listening(kind) {
                let triggers = found.flow.program.flow.triggers.clone();
                for trigger in triggers.into_iter().filter(|trigger| !trigger.disabled && trigger.canonical_type() == kind) {
                    let definition = &found.flow.program.flow;
                    let name = name(&definition.namespace, &definition.id, &trigger.id);
                    match Schedule::open(engine, found.clone(), trigger, name.clone(), now).await {
                        Ok(schedule) => all.push(schedule),
                        Err(error) => tracing::error!(trigger = %name, "never fires: {} [{}]", error.message, error.code),
                    }
                }
            }
        }
        Self { engine: engine.clone(), all }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The next date, and the trigger it belongs to.
    pub fn next(&self) -> Option<(&ZonedDateTime, &str)> {
        let dated = self.all.iter().filter_map(|schedule| Some((schedule.next.as_ref()?, &*schedule.name)));
        dated.min_by_key(|(date, _)| date.timestamp())
    }

    fn next_of(&self, name: &str) -> Option<&ZonedDateTime> {
        self.all.iter().find(|schedule| schedule.name == name)?.next.as_ref()
    }

    /// Fires what is due, date by date. On an error of the journal the date stays due.
    pub async fn fire(&mut self, now: Timestamp) -> Result<(), Error> {
        loop {
            let due = |schedule: &&mut Schedule| schedule.next.as_ref().is_some_and(|next| next.timestamp() <= now);
            let first = self.all.iter_mut().filter(due).min_by_key(|schedule| schedule.next.as_ref().map(ZonedDateTime::timestamp));
            let Some(schedule) = first else { return Ok(()) };
            let Some(date) = schedule.next.clone() else { return Ok(()) };
            if let Err(error) = schedule.fire(&self.engine, &date, now).await {
                if error.retryable() {
                    return Err(error);
                }
                tracing::error!(trigger = %schedule.name, %date, "not fired: {} [{}]", error.message, error.code);
            }
            // Only now: a host that goes before fires the date again and comes to the same execution.
            remember(&self.engine, &schedule.name, &date, &schedule.written).await?;
            schedule.next = schedule.dates.after(&date);
        }
    }

    /// Fires for ever.
    pub async fn run(mut self) {
        loop {
            let pause = match self.fire(Timestamp::now()).await {
                Ok(()) => match self.next() {
                    Some((next, _)) => Duration::try_from(next.timestamp().duration_since(Timestamp::now())).unwrap_or_default().min(LOOK),
                    None => return,
                },
                Err(error) => {
                    tracing::warn!("schedules wait: {} [{}]", error.message, error.code);
                    BREATH
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

impl Schedule {
    async fn open(engine: &Engine, found: Found, trigger: Trigger, name: String, now: Timestamp) -> Result<Self, Error> {
        let shared = engine.shared();
        let services = Services::new(shared, &found.flow.program.flow.namespace);
        let text = |property: &str| -> Result<Option<String>, Error> {
            let Some(node) = trigger.node.get(property).filter(|node| !node.is_null()) else { return Ok(None) };
            let scope = Overlay::on(&*shared.context).with_host(&services);
            let text = shared.expr.render(&plain(&node.to_json()), &scope);
            text.map(Some).map_err(|error| unrendered(&error).at(format!("/{property}")))
        };
        let zone = match text("timezone")? {
            Some(zone) => switchyard_expr::time_zone(&zone).map_err(|message| Error::user("trigger::invalid_timezone", message))?,
            None => TimeZone::system(),
        };
        let (dates, written) = match text("cron")? {
            Some(cron) => {
                let with_seconds = trigger.node.get("withSeconds").and_then(Node::as_bool) == Some(true);
                (Dates::cron(cron.trim(), with_seconds, zone.clone())?, format!("{cron} {zone:?}"))
            }
            None => {
                let listed = listed(&trigger, |template| {
                    let scope = Overlay::on(&*shared.context).with_host(&services);
                    shared.expr.render_value(template, &scope).map_err(|error| unrendered(&error).at("/dates"))
                })?;
                let dates = listed.iter().map(|text| date(text, &zone)).collect::<Result<Vec<_>, _>>()?;
                (Dates::list(dates), listed.join(" "))
            }
        };
        let latest = text("lateMaximumDelay")?
            .map(|text| {
                let duration = IsoDuration::parse(&text).and_then(|duration| SignedDuration::try_from(duration.0).ok());
                duration.ok_or_else(|| Error::user("flow::invalid_property", format!("`{text}` is no duration")).at("/lateMaximumDelay"))
            })
            .transpose()?;
        let mut schedule = Self { found, trigger, name, dates, written, latest, next: None };
        let now = now.to_zoned_datetime(zone);
        let known = shared.memory.get(PLACE, &schedule.name).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let last = known
            .filter(|known| known["written"] == schedule.written.as_str())
            .and_then(|known| known["date"].as_str()?.parse::<Timestamp>().ok())
            .map(|last| last.to_zoned_datetime(now.time_zone().clone()));
        schedule.next = match last {
            Some(last) => schedule.recover(&last, &now),
            None => {
                // From now on, dates can be missed.
                remember(engine, &schedule.name, &now, &schedule.written).await?;
                schedule.dates.after(&now)
            }
        };
        Ok(schedule)
    }

    /// The first date that is due when the last one that was looked at is this.
    fn recover(&self, last: &ZonedDateTime, now: &ZonedDateTime) -> Option<ZonedDateTime> {
        match self.trigger.node.get("recoverMissedSchedules").and_then(Node::as_str) {
            Some("NONE") => self.dates.after(now),
            Some("LAST") => match self.dates.before(now) {
                Some(missed) if missed.timestamp() > last.timestamp() => Some(missed),
                _ => self.dates.after(now),
            },
            _ => self.dates.after(last),
        }
    }

    /// Begins the execution of a date, unless something is against it.
    async fn fire(&self, engine: &Engine, date: &ZonedDateTime, now: Timestamp) -> Result<(), Error> {
        let shared = engine.shared();
        if self.latest.is_some_and(|latest| now.duration_since(date.timestamp()) > latest) {
            tracing::warn!(trigger = %self.name, %date, "not fired: later than `lateMaximumDelay` allows");
            return Ok(());
        }
        let off = shared.memory.get(TOGGLES, &self.name).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        if off == Some(Json::Bool(true)) || !self.holds(engine, date)? {
            return Ok(());
        }
        let submission = self.submission(engine, date)?;
        let flow = self.found.flow.clone();
        match engine.submit(flow.clone(), submission).await {
            Ok(_) => Ok(()),
            // Another host has fired it.
            Err(Refused::Error(error)) if error.code == "journal::duplicate" => Ok(()),
            Err(Refused::Error(error)) => Err(error),
            Err(Refused::Inputs(violations)) => {
                // Nobody is there to be told: the execution says it. Spec 11.3.
                let why = format!("the trigger `{}` gives inputs that the flow refuses: {violations}", self.trigger.id);
                let submission = Submission { inputs: JsonMap::new(), unusable: Some(why), ..self.submission(engine, date)? };
                engine.submit(flow, submission).await.map(drop).map_err(Refused::into_error)
            }
        }
    }

    /// Whether the conditions hold for a date.
    fn holds(&self, engine: &Engine, date: &ZonedDateTime) -> Result<bool, Error> {
        if self.trigger.conditions.is_empty() && self.trigger.when.is_none() {
            return Ok(true);
        }
        let shared = engine.shared();
        let definition = &self.found.flow.program.flow;
        let seen = variables(date, self.dates.after(date).as_ref(), self.dates.before(date).as_ref());
        let (seen, vars) = (Json::Object(seen), Json::Object((*definition.variables).clone()));
        let services = Services::new(shared, &definition.namespace);
        let scope = Overlay::on(&*shared.context).with("trigger", &seen).with("schedule", &seen).with("vars", &vars).with_host(&services);
        let conditions = Conditions { expr: &shared.expr, scope: &scope, execution: None, now: date.timestamp() };
        let when = || self.trigger.when.as_ref().map_or(Ok(true), |when| shared.expr.render_condition(when, &scope));
        Ok(conditions.all(&self.trigger.conditions)? && when().map_err(|error| unrendered(&error).at("/when"))?)
    }

    /// The first date in one direction for which the conditions hold.
    fn nearest(
        &self,
        engine: &Engine,
        date: &ZonedDateTime,
        step: fn(&Dates, &ZonedDateTime) -> Option<ZonedDateTime>,
    ) -> Option<ZonedDateTime> {
        let reach = SignedDuration::from_hours(24 * 366 * YEARS);
        std::iter::successors(step(&self.dates, date), |near| step(&self.dates, near))
            .take(MOST)
            .take_while(|near| near.duration_since(date).abs() < reach)
            .find(|near| self.holds(engine, near).unwrap_or(false))
    }

    fn submission(&self, engine: &Engine, date: &ZonedDateTime) -> Result<Submission, Error> {
        let shared = engine.shared();
        let definition = &self.found.flow.program.flow;
        // The same date makes the same execution, whichever host fires it.
        let id = crate::core::derived_id(&format!("{}/{}", date.timestamp(), self.name), 0);
        let (next, previous) = (self.nearest(engine, date, Dates::after), self.nearest(engine, date, Dates::before));
        let variables = variables(date, next.as_ref(), previous.as_ref());
        let trigger = ExecutionTrigger {
            id: self.trigger.id.clone(),
            type_name: self.trigger.type_name.clone(),
            variables: std::sync::Arc::new(variables),
            log_file: None,
        };
        let inputs = match &self.trigger.inputs {
            Some(node) => {
                let (namespace, flow_id) = (definition.namespace.clone(), definition.id.clone());
                let mut execution = Execution::new(id.clone(), namespace, flow_id, self.found.revision, date.timestamp());
                execution.trigger = Some(trigger.clone());
                let around = context::of_execution(&execution, &shared.context);
                let vars = Json::Object((*definition.variables).clone());
                let services = Services::new(shared, &definition.namespace);
                let scope = Overlay::on(&around).with("vars", &vars).with_host(&services);
                shared.expr.render_value(&node.to_json(), &scope).map_err(|error| unrendered(&error).at("/inputs"))?
            }
            None => Json::Null,
        };
        Ok(Submission {
            inputs: inputs.as_object().cloned().unwrap_or_default(),
            labels: self.trigger.labels.clone(),
            id: Some(id),
            revision: Some(self.found.revision),
            trigger: Some(trigger),
            schedule_date: Some(date.timestamp()),
            ..Submission::default()
        })
    }
}

async fn remember(engine: &Engine, name: &str, date: &ZonedDateTime, written: &str) -> Result<(), Error> {
    let value = json!({ "date": date.timestamp().to_string(), "written": written });
    let kept = engine.shared().memory.put(PLACE, name, &value, None).await;
    kept.map_err(|error| Error::environment(error.code(), error.to_string()))
}

/// What expressions see as `trigger`.
fn variables(date: &ZonedDateTime, next: Option<&ZonedDateTime>, previous: Option<&ZonedDateTime>) -> JsonMap {
    let mut all = JsonMap::new();
    for (name, date) in [("date", Some(date)), ("next", next), ("previous", previous)] {
        if let Some(date) = date {
            all.insert(name.into(), Json::String(iso(date)));
        }
    }
    all
}

/// ISO 8601 with the offset of the trigger's zone.
fn iso(date: &ZonedDateTime) -> String {
    let text = date.strftime("%FT%T%:z").to_string();
    text.strip_suffix("+00:00").map_or(text.clone(), |utc| format!("{utc}Z"))
}

/// The texts of `dates`: a list, or an expression that gives one.
fn listed(trigger: &Trigger, render: impl Fn(&Json) -> Result<Json, Error>) -> Result<Vec<String>, Error> {
    let Some(node) = trigger.node.get("dates") else { return Ok(Vec::new()) };
    let rendered = render(&node.to_json())?;
    let rendered = match &rendered {
        Json::String(text) => serde_json::from_str(text).unwrap_or(rendered),
        _ => rendered,
    };
    match rendered {
        Json::Array(items) => Ok(items.iter().map(plain).collect()),
        other => Err(Error::user("flow::invalid_property", format!("`dates` is {other}, which is no list of dates")).at("/dates")),
    }
}

/// A date with an offset, or one of the zone's clocks.
fn date(text: &str, zone: &TimeZone) -> Result<ZonedDateTime, Error> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.to_zoned_datetime(zone.clone()));
    }
    let civil = text.parse::<jiff::civil::DateTime>().or_else(|_| text.parse::<jiff::civil::Date>().map(|day| day.at(0, 0, 0, 0)));
    civil.and_then(|civil| civil.to_zoned_datetime(zone.clone())).map_err(|_| {
        Error::user("flow::invalid_property", format!("`{text}` is no date"))
            .with_help("write for example 2026-01-31T08:00:00+01:00, or without an offset in the trigger's `timezone`")
            .at("/dates")
    })
}
