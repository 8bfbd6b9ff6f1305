//! Taps.

use std::marker::PhantomData;

use serde_json::{Map, Value};
use switchyard_plugin_api::{LogStream, PlanFile, prelude::*};

use crate::{
    catalog::{self, StreamConfiguration},
    connector::{Common, Config, Feature, Named},
    install, log, state,
};

const CONFIG: &str = "config.json";
const STATE: &str = "state.json";
const RAW: &str = "raw.jsonl";
const DISCOVERED: &str = "discover.json";
const COUNT: &str = ".singer-count";
const STATES: &str = ".singer-states";

/// Properties of a tap.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tap")]
pub struct Properties<C> {
    /// Which streams to take, and how; applied one after the other to what the tap discovers.
    #[serde(default)]
    streams_configurations: Vec<StreamConfiguration>,
    #[serde(flatten)]
    common: Common,
    #[serde(flatten)]
    config: C,
}

/// Reads a source.
#[derive(Debug, Default)]
pub struct Tap<N>(PhantomData<N>);

impl<N: Named> Tap<N> {
    fn features<'a>(&self, properties: &'a Properties<N::Config>) -> &'a [Feature] {
        properties.config.features().unwrap_or(N::CONNECTOR.features)
    }

    fn files(&self, properties: &Properties<N::Config>) -> Result<Vec<PlanFile>, Error> {
        let config = json(&Value::Object(properties.config.map(&N::CONNECTOR)));
        Ok(vec![PlanFile { path: CONFIG.into(), content: config, executable: false }])
    }

    /// The plan that asks which streams there are.
    pub fn discovery(&self, properties: &Properties<N::Config>) -> Result<Plan, Error> {
        let (packages, program) = (properties.common.packages(&N::CONNECTOR), properties.common.program(&N::CONNECTOR)?);
        let use_it = format!("\"$program\" --config {CONFIG} --discover > {DISCOVERED}");
        Ok(install::plan(&packages, &program, &use_it, self.files(properties)?, &[DISCOVERED]))
    }

    /// The plan that reads.
    pub fn reading(&self, properties: &Properties<N::Config>, catalog: Option<&Value>, state: &Map<String, Value>) -> Result<Plan, Error> {
        let features = self.features(properties);
        let (packages, program) = (properties.common.packages(&N::CONNECTOR), properties.common.program(&N::CONNECTOR)?);
        let mut files = self.files(properties)?;
        let mut use_it = format!("\"$program\" --config ./{CONFIG}");
        let mut place = |path: &str, content: &Value| files.push(PlanFile { path: path.into(), content: json(content), executable: false });
        if let Some(catalog) = catalog {
            let (flag, file) =
                if features.contains(&Feature::Properties) { ("--properties", "properties.json") } else { ("--catalog", "catalog.json") };
            place(file, catalog);
            use_it.push_str(&format!(" {flag} ./{file}"));
        }
        if features.contains(&Feature::State) {
            place(STATE, &Value::Object(state.clone()));
            use_it.push_str(&format!(" --state {STATE}"));
        }
        // Counting here needs no memory, however much there is.
        let count = format!("{{ grep -c '\"type\": *\"RECORD\"' {RAW} || true; }} > {COUNT}");
        let states = format!("{{ grep '\"type\": *\"STATE\"' {RAW} || true; }} > {STATES}");
        let use_it = format!("{use_it} > {RAW}\n{count}\n{states}");
        Ok(install::plan(&packages, &program, &use_it, files, &[RAW, COUNT, STATES]))
    }
}

fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

impl<N: Named> Task for Tap<N> {
    type Properties = Properties<N::Config>;
    const TYPE: &'static str = N::TYPE;
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        crate::connectors::describe(
            N::TYPE,
            &N::CONNECTOR,
            include_str!("tap.md"),
            &format!("Read with the Singer tap {}.", crate::connectors::name(N::TYPE)),
        )
    }

    async fn run(&self, request: TaskRequest<Self::Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        let features = self.features(properties);
        let takes_catalog = features.contains(&Feature::Properties) || features.contains(&Feature::Catalog);
        let catalog = if takes_catalog && features.contains(&Feature::Discover) {
            if let Some(failure) = follow(&self.discovery(properties)?, &context).await? {
                return Ok(TaskOutcome { failure: Some(failure), ..TaskOutcome::default() });
            }
            let text = context.read_file(DISCOVERED).await?.unwrap_or_default();
            let mut catalog: Value = serde_json::from_str(&text)
                .map_err(|error| Error::task("singer::catalog", format!("what the tap discovered is not JSON: {error}")))?;
            catalog::apply(&mut catalog, &properties.streams_configurations)?;
            Some(catalog)
        } else {
            None
        };
        let name = &properties.common.state_name;
        let mut known = state::load(&request.task, name, &context).await?;
        let mut outcome = TaskOutcome {
            failure: follow(&self.reading(properties, catalog.as_ref(), &known)?, &context).await?,
            ..TaskOutcome::default()
        };
        if context.cancellation().is_some() {
            return Ok(outcome);
        }
        let count = context.read_file(COUNT).await?.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or_default();
        outcome.outputs.insert("count".into(), count.into());
        outcome.outputs.extend(context.store_file(RAW, RAW).await?.map(|uri| ("raw".to_owned(), uri.into())));
        context.counter("records", count as f64);
        if features.contains(&Feature::State) && outcome.failure.is_none() {
            state::merge(&mut known, &context.read_file(STATES).await?.unwrap_or_default());
            let key = state::store(&request.task, name, known, &context).await?;
            outcome.outputs.insert("stateKey".into(), key.into());
        }
        Ok(outcome)
    }
}

/// Runs a plan whose standard output is nobody's; answers why it failed.
async fn follow(plan: &Plan, context: &Context) -> Result<Option<String>, Error> {
    let mut followed = context.follow_plan(plan);
    while let Some(line) = followed.line().await {
        match line.stream {
            LogStream::Stderr => log::tell(&line.text, context),
            LogStream::Stdout => context.write_log(line.stream, format!("{}\n", line.text).as_bytes()).await,
        }
    }
    Ok(failure(&followed.end().await?))
}

/// Why a plan failed, if it did.
pub fn failure(outcome: &Outcome) -> Option<String> {
    let why = outcome.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    (outcome.exit_code != 0).then(|| format!("Command failed with exit code {}{why}", outcome.exit_code))
}
