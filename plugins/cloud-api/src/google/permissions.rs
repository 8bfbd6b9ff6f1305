//! What the runner's account may do.

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_plugin_api::Error;

use super::Client;
use crate::google::storage::encode;

/// Permissions that were asked for and are not in the answer.
fn missing(asked: &[&str], answer: &Value) -> Vec<String> {
    let held: Vec<&str> = answer["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    asked.iter().filter(|permission| !held.contains(permission)).map(|permission| (*permission).to_owned()).collect()
}

impl Client {
    /// Those that the account lacks in the project.
    pub async fn missing_in_project(&self, asked: &[&str]) -> Result<Vec<String>, Error> {
        let url = format!("{}/v1/projects/{}:testIamPermissions", self.0.resource_manager, self.project());
        let body = json!({ "permissions": asked });
        let answer = self.json("asking for the account's permissions", Method::POST, &url, Some(&body)).await?;
        Ok(missing(asked, &answer))
    }

    /// Those that the account lacks in the bucket.
    pub async fn missing_in_bucket(&self, bucket: &str, asked: &[&str]) -> Result<Vec<String>, Error> {
        let query: Vec<String> = asked.iter().map(|permission| format!("permissions={permission}")).collect();
        let url = format!("{}/storage/v1/b/{}/iam/testPermissions?{}", self.0.storage, encode(bucket), query.join("&"));
        let answer = self.json("asking for the account's permissions in the bucket", Method::GET, &url, None).await?;
        Ok(missing(asked, &answer))
    }
}
