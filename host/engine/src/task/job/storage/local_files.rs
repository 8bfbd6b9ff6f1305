//! LocalFiles: files into the working directory and out of it.

use serde_json::{Map, Value as Json, json};
use switchyard_model::{JsonMap, Level};
use switchyard_plugin_api::Error;
use switchyard_store::{storage::Source, workdir::Capture};

use super::super::{Given, outputs};
use crate::{
    attempt::{place, store},
    script::{Content, Input},
    task::plain,
};

pub async fn run(given: &Given) -> Result<JsonMap, Error> {
    let directory = given.site.working_dir()?;
    for (path, content) in given.map("inputs")? {
        let content = plain(&content);
        let content = if content.starts_with("kestra://") { Content::Stored(content) } else { Content::Text(content) };
        place(&given.site.shared, &directory, &Input { path, content }).await.map_err(|error| error.at("/inputs"))?;
    }
    let patterns = given.texts("outputs")?;
    let mut uris = Map::new();
    if !patterns.is_empty() {
        let found =
            directory.capture(&Capture::new(patterns)).map_err(|error| Error::user(error.code(), error.to_string()).at("/outputs"))?;
        for warning in &found.warnings {
            given.site.log.message(Level::Warn, warning);
        }
        for file in found.files {
            let uri = store(&given.site.shared, &given.site.task, &directory, &file, &file.key, Source::Copy).await?;
            uris.insert(file.key, Json::String(uri));
        }
    }
    Ok(outputs(json!({ "uris": uris, "outputFiles": uris })))
}
