//! Whether a job could run now, and which permissions are missing.

use serde_json::{Value, json};
use switchyard_plugin_api::{Error, Health};

use super::{
    api::{self, Client},
    properties::Properties,
};

const OF_PROJECT: &[&str] =
    &["batch.jobs.create", "batch.jobs.get", "batch.jobs.list", "batch.jobs.delete", "batch.tasks.get", "logging.logEntries.list", ACT_AS];
/// Often granted on one account only, of which the project knows nothing.
const ACT_AS: &str = "iam.serviceAccounts.actAs";
const OF_BUCKET: &[&str] = &["storage.objects.create", "storage.objects.get", "storage.objects.list", "storage.objects.delete"];

pub async fn health(properties: &Properties) -> Health {
    match ask(properties).await {
        Ok(health) => health,
        Err(error) => Health { ok: false, message: error.to_string(), ..Health::default() },
    }
}

async fn ask(properties: &Properties) -> Result<Health, Error> {
    let client = Client::new(properties, &api::endpoints(&Value::Null)).await?;
    let google = &client.google;
    let mut missing = Vec::new();
    let mut unknown = Vec::new();
    // Whoever may not ask for his permissions may still have them: then the service itself is asked.
    match google.missing_in_project(OF_PROJECT).await {
        Ok(lacks) => {
            if lacks.iter().any(|permission| permission == ACT_AS) {
                unknown.push(format!("{ACT_AS} is not granted in the whole project; the account that machines run as has to grant it"));
            }
            let lacks = lacks.into_iter().filter(|permission| permission != ACT_AS);
            missing.extend(lacks.map(|permission| format!("{permission} in project {}", google.project())));
        }
        Err(error) => unknown.push(error.message),
    }
    if let Some(bucket) = &properties.bucket {
        let lacks = google.missing_in_bucket(bucket, OF_BUCKET).await?;
        missing.extend(lacks.into_iter().map(|permission| format!("{permission} in bucket {bucket}")));
    }
    let mut health = Health { ok: true, message: format!("Google Batch answers in {}", properties.region), ..Health::default() };
    match client.ask().await {
        Ok(()) => {}
        Err(error) if missing.is_empty() => return Err(error),
        Err(error) => {
            health.facts.insert("error".to_owned(), error.message.into());
        }
    }
    if !missing.is_empty() {
        health.ok = false;
        health.message = format!("the runner's account lacks {}", missing.join(", "));
        health.facts.insert("missing".to_owned(), json!(missing));
    }
    if !unknown.is_empty() {
        health.facts.insert("not checked".to_owned(), json!(unknown));
    }
    health.facts.insert("project".to_owned(), google.project().into());
    Ok(health)
}
