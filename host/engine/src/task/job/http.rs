//! `http.Request` and `http.Download`.

use serde_json::{Value as Json, json};
use switchyard_model::{JsonMap, Level};
use switchyard_plugin_api::Error;
use switchyard_store::{storage::StorageUri, workdir::FileMode};

use super::{Given, JobTask, given::failed, outputs, task};
use crate::{
    http::{Answer, Message, Options, Part, file_name},
    task::plain,
};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.http.Request", |given| Box::pin(request(given))),
    task("io.kestra.plugin.core.http.Download", |given| Box::pin(download(given))),
];

/// A body longer than this belongs into a file: outputs are kept in the journal.
const LONGEST: u64 = 10 * 1024 * 1024;
const DOWNLOADED: &str = "download";

/// Sends what the properties say.
async fn send(given: &Given) -> Result<(Answer, Options), Error> {
    let mut options = Options::read(given.json("options").unwrap_or(&Json::Null))?;
    options.allow_failed |= given.flag("allowFailed", false);
    let message = Message {
        uri: given.need("uri")?,
        method: given.text("method").unwrap_or_else(|| "GET".to_owned()),
        params: pairs(given, "params")?,
        headers: pairs(given, "headers")?,
        content_type: given.text("contentType"),
        body: given.text("body"),
        form: form(given).await?,
    };
    given.site.log.message(Level::Debug, &format!("{} {}", message.method, message.uri));
    let answer = Answer::of(message.send(&options).await?);
    given.site.log.message(Level::Debug, &format!("answer {}", answer.code()));
    Ok((answer, options))
}

fn pairs(given: &Given, name: &str) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in given.map(name)? {
        match value {
            Json::Null => {}
            Json::Array(values) => found.extend(values.iter().map(|value| (name.clone(), plain(value)))),
            value => found.push((name, plain(&value))),
        }
    }
    Ok(found)
}

/// A `kestra://` value is a file; `{name, content}` is one with another name.
async fn form(given: &Given) -> Result<Vec<(String, Part)>, Error> {
    let mut fields = Vec::new();
    for (place, (field, value)) in given.map("formData")?.into_iter().enumerate() {
        let (name, content) = match &value {
            Json::Null => continue,
            Json::Object(map) if map.contains_key("content") => {
                (map.get("name").map(plain), map.get("content").map(plain).unwrap_or_default())
            }
            other => (None, plain(other)),
        };
        if !content.starts_with("kestra://") {
            fields.push((field, Part::Text(content)));
            continue;
        }
        let uri: StorageUri = content.parse().map_err(|error| failed(error).at(format!("/formData/{field}")))?;
        let path = given.site.local(&uri, &format!("field-{place}")).await.map_err(|error| error.at(format!("/formData/{field}")))?;
        let name = name.unwrap_or_else(|| uri.file_name().to_owned());
        fields.push((field, Part::File { name, path }));
    }
    Ok(fields)
}

async fn request(given: &Given) -> Result<JsonMap, Error> {
    let encrypted = given.flag("encryptBody", false);
    if encrypted && given.site.shared.vault.is_none() {
        return Err(crate::vault::not_configured("`encryptBody`").at("/encryptBody"));
    }
    let (answer, options) = send(given).await?;
    let (uri, code, headers, refused) = (answer.uri().to_owned(), answer.code(), answer.headers(), answer.is_failure(&options));
    let body = answer.text(options.max_content_length.unwrap_or(LONGEST), options.default_charset.as_deref()).await?;
    if refused {
        return Err(crate::http::refused(&uri, code, &body).at("/uri"));
    }
    let mut done = outputs(json!({ "uri": uri, "code": code, "headers": headers }));
    match &given.site.shared.vault {
        Some(vault) if encrypted => {
            given.site.services.conceal(&body);
            done.insert("encryptedBody".into(), vault.seal(&body)?);
        }
        _ => {
            done.insert("body".into(), body.into());
        }
    }
    Ok(done)
}

async fn download(given: &Given) -> Result<JsonMap, Error> {
    let (answer, options) = send(given).await?;
    let (uri, code, headers, refused) = (answer.uri().to_owned(), answer.code(), answer.headers(), answer.is_failure(&options));
    if refused {
        let body = answer.text(LONGEST, None).await.unwrap_or_default();
        return Err(crate::http::refused(&uri, code, &body).at("/uri"));
    }
    let name = given.text("saveAs").filter(|name| !name.is_empty()).map_or_else(|| answer.suggested_name(), |name| file_name(&name));
    let directory = given.site.scratch()?;
    let file = directory.new_file(DOWNLOADED, FileMode::Plain).map_err(|error| Error::environment(error.code(), error.to_string()))?;
    let length = answer.save(file, options.max_content_length).await?;
    if length == 0 && given.flag("failOnEmptyResponse", true) {
        return Err(Error::task("http::empty", format!("{uri} answered {code} with nothing to store"))
            .with_help("set `failOnEmptyResponse: false` to store an empty file"));
    }
    let stored = given.site.keep(DOWNLOADED, &name).await?;
    Ok(outputs(json!({ "uri": stored, "code": code, "length": length, "headers": headers })))
}
