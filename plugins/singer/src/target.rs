//! Targets.

use std::marker::PhantomData;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Level, LogStream, PlanFile, prelude::*};

use crate::{
    connector::{Common, Config, Named},
    install, log, state, tap,
};

const CONFIG: &str = "config.json";
const DESTINATION: &str = "destination";

/// Properties of a target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Target")]
pub struct Properties<C> {
    /// URI of what a tap printed: its output `raw`.
    from: String,
    #[serde(flatten)]
    common: Common,
    #[serde(flatten)]
    config: C,
}

/// Writes somewhere.
#[derive(Debug, Default)]
pub struct Target<N>(PhantomData<N>);

impl<N: Named> Task for Target<N> {
    type Properties = Properties<N::Config>;
    const TYPE: &'static str = N::TYPE;
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        crate::connectors::describe(
            N::TYPE,
            &N::CONNECTOR,
            include_str!("target.md"),
            &format!("Write with the Singer target {}.", crate::connectors::name(N::TYPE)),
        )
    }

    fn plan(&self, properties: &Self::Properties, _: &PlanContext) -> Result<Plan, Error> {
        let connector = N::CONNECTOR;
        let mut config = properties.config.map(&connector);
        let mut use_it = format!("cat {} | \"$program\" --config {CONFIG}", properties.from);
        let mut wanted = Vec::new();
        if connector.writes_files {
            config.insert("destination_path".into(), DESTINATION.into());
            use_it = format!("mkdir -p {DESTINATION}\n{use_it}");
            wanted.push("destination/**");
        }
        let files = vec![PlanFile { path: CONFIG.into(), content: format!("{:#}\n", Value::Object(config)), executable: false }];
        let (packages, program) = (properties.common.packages(&connector), properties.common.program(&connector)?);
        Ok(install::plan(&packages, &program, &use_it, files, &wanted))
    }

    async fn run(&self, request: TaskRequest<Self::Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        if !properties.from.starts_with("kestra://") || properties.from.contains(|c: char| c.is_whitespace() || "'\"$`;|&<>".contains(c)) {
            return Err(Error::user("flow::invalid_property", format!("`from` is `{}`, not the URI of a stored file", properties.from))
                .with_help("write `from: \"{{ outputs.TAP.raw }}\"`")
                .at("/from"));
        }
        let mut followed = context.follow_plan(&self.plan(properties, &request.plan)?);
        let mut confirmed = Map::new();
        while let Some(line) = followed.line().await {
            match line.stream {
                LogStream::Stderr => log::tell(&line.text, &context),
                LogStream::Stdout => match serde_json::from_str(&line.text) {
                    Ok(Value::Object(state)) => confirmed.extend(state),
                    _ if line.text.trim().is_empty() => {}
                    _ => context.message(Level::Info, line.text),
                },
            }
        }
        let mut outcome = TaskOutcome { failure: tap::failure(&followed.end().await?), ..TaskOutcome::default() };
        if context.cancellation().is_some() || outcome.failure.is_some() {
            return Ok(outcome);
        }
        let name = &properties.common.state_name;
        if !confirmed.is_empty() {
            let mut known = state::load(&request.task, name, &context).await?;
            known.extend(confirmed);
            outcome.outputs.insert("stateKey".into(), state::store(&request.task, name, known, &context).await?.into());
        }
        if N::CONNECTOR.writes_files {
            outcome.outputs.insert("uris".into(), Value::Object(keep(&request.files.working_dir, &context).await?));
        }
        Ok(outcome)
    }
}

/// The files of the destination, by stream.
async fn keep(working_dir: &std::path::Path, context: &Context) -> Result<Map<String, Value>, Error> {
    let mut uris = Map::new();
    // Only names are taken from here; the host opens the files, and follows no link.
    let names = std::fs::read_dir(working_dir.join(DESTINATION)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    for name in names {
        if let Some(uri) = context.store_file(&format!("{DESTINATION}/{name}"), &name).await? {
            uris.insert(stream(&name), uri.into());
        }
    }
    Ok(uris)
}

/// `users-20260101T000000.csv` is of the stream `users`, and so is `users.jsonl`.
fn stream(name: &str) -> String {
    match name.rsplit_once('-') {
        Some((stream, _)) => stream.to_owned(),
        None => name.rsplit_once('.').map_or(name, |(stream, _)| stream).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::stream;

    #[test]
    fn streams_of_files() {
        for (name, expected) in
            [("users-20260101T000000.csv", "users"), ("a-b-1.jsonl", "a-b"), ("users.jsonl", "users"), ("plain", "plain")]
        {
            assert_eq!(stream(name), expected);
        }
    }
}
