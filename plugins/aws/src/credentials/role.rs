//! Assuming a role.

use std::time::Duration;

use object_store::aws::AwsCredential;
use switchyard_plugin_api::Error;

use super::{Credentials, fixed, unavailable};
use crate::api::{Sts, form};

/// A role, and who asks for it.
pub struct Role {
    pub from: Credentials,
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    pub duration: Option<Duration>,
    pub sts: Sts,
}

/// The least that AWS grants.
const SHORTEST: Duration = Duration::from_secs(900);

impl Role {
    pub async fn assume(&self, fresh: bool) -> Result<(AwsCredential, Duration), Error> {
        let lives = self.duration.unwrap_or(SHORTEST);
        let seconds = lives.as_secs().to_string();
        let name = self.session_name.clone().unwrap_or_else(session_name);
        let mut fields = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.arn),
            ("RoleSessionName", &name),
            ("DurationSeconds", &seconds),
        ];
        if let Some(id) = &self.external_id {
            fields.push(("ExternalId", id));
        }
        let what = format!("assuming the role {}", self.arn);
        let answer = self.sts.ask(&self.from, &what, form(&fields), fresh).await.map_err(|error| error.at("/stsRoleArn"))?;
        let value = |name: &str| element(&answer, name).map(str::to_owned);
        match (value("AccessKeyId"), value("SecretAccessKey")) {
            (Some(id), Some(secret)) => Ok((fixed(id, secret, value("SessionToken"))?, lives)),
            _ => Err(unavailable(format!("while {what} the answer held no key"))),
        }
    }
}

/// Another name each time, as AWS's own tools do it.
fn session_name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("switchyard-{}", now.as_millis())
}

/// The text of the first element of this name. Values of STS need no decoding.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let length = xml[start..].find(&format!("</{name}>"))?;
    Some(xml[start..start + length].trim())
}
