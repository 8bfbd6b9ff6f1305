//! Whether a job could run now, and which right is missing.

use serde_json::{Map, Value, json};
use switchyard_plugin_api::{Error, Health};

use super::{
    document,
    files::Folder,
    platform::Platform,
    properties::{Config, Properties},
};
use crate::api::Client;

/// Asks everything that can be asked without changing anything.
pub async fn health(properties: &Properties) -> Health {
    let bad = |message: String, facts: Map<String, Value>| Health { ok: false, message, facts };
    let mut facts = Map::new();
    let client = match Client::of(properties, &Config::of_environment()) {
        Ok(client) => client,
        Err(error) => return bad(error.to_string(), facts),
    };
    match client.identity().await {
        Ok(identity) => facts.insert("identity".to_owned(), identity.into()),
        // Without good credentials every other answer would be the same.
        Err(error) => return bad(error.to_string(), facts),
    };
    let name = &properties.compute_environment_arn;
    let mut problems = Vec::new();
    let platform = client.environment(name).await.and_then(|environment| Platform::of(environment.as_ref(), name));
    match platform {
        Ok(platform) => {
            facts.insert("platform".to_owned(), platform.capability().into());
            let moves = document::Moves { inputs: properties.bucket().is_some(), outputs: properties.bucket().is_some() };
            problems.extend(document::check_platform(properties, platform, moves).err());
        }
        Err(error) => problems.push(error),
    }
    if let Some(queue) = &properties.job_queue_arn {
        match client.queue(queue).await {
            Ok(Some(document)) if document["state"] == "DISABLED" => {
                problems.push(
                    Error::user("aws_batch::queue", format!("the job queue {queue} is DISABLED")).at("/jobQueueArn").with_help("enable it"),
                );
            }
            Ok(Some(_)) => {}
            Ok(None) => problems.push(
                Error::user("aws_batch::queue", format!("there is no job queue {queue:?}"))
                    .at("/jobQueueArn")
                    .with_help("create it, or remove `jobQueueArn`"),
            ),
            Err(error) => problems.push(error),
        }
        problems.extend(client.jobs_named(queue, "switchyard-health").await.err());
    }
    problems.extend(client.describe(&["00000000-0000-0000-0000-000000000000".to_owned()]).await.err());
    match client.log_group().await {
        Ok(there) => {
            facts.insert("logGroup".to_owned(), json!(there));
        }
        Err(error) => problems.push(error),
    }
    if let Some(bucket) = properties.bucket() {
        let asked = async { Folder::new(client.store(bucket)?, bucket, &Default::default()).ask().await };
        problems.extend(asked.await.err());
    }
    match problems.as_slice() {
        [] => Health { ok: true, message: format!("AWS Batch answers in {}", properties.region), facts },
        problems => bad(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), facts),
    }
}
