//! Credentials of a person who signed in by `aws sso login`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use object_store::aws::AwsCredential;
use serde_json::Value;
use sha1::{Digest, Sha1};
use switchyard_cloud_api::http::reason;
use switchyard_plugin_api::Error;

use super::{fixed, invalid, unavailable};
use crate::api::escape;

/// What a profile says about it.
pub struct Session {
    pub http: reqwest::Client,
    pub region: String,
    pub account: String,
    pub role: String,
    /// Where the token of the sign-in is kept.
    pub token: PathBuf,
    pub profile: String,
}

/// The file of a session, or of an address when the profile names no session.
pub fn token_file(cache: &Path, session: &str) -> PathBuf {
    let name: String = Sha1::digest(session).iter().map(|byte| format!("{byte:02x}")).collect();
    cache.join(format!("{name}.json"))
}

impl Session {
    pub async fn credential(&self) -> Result<(AwsCredential, Duration), Error> {
        let again = || {
            invalid(format!("the sign-in of the profile {:?} is over", self.profile))
                .with_help(format!("run `aws sso login --profile {}` on the host", self.profile))
        };
        let text = fs::read_to_string(&self.token).map_err(|_| again())?;
        let token =
            serde_json::from_str::<Value>(&text).ok().and_then(|file| file["accessToken"].as_str().map(str::to_owned)).ok_or_else(again)?;
        let url = format!(
            "https://portal.sso.{}.amazonaws.com/federation/credentials?account_id={}&role_name={}",
            self.region,
            escape(&self.account),
            escape(&self.role)
        );
        let response = self.http.get(url).header("x-amz-sso_bearer_token", token).send().await;
        let response = response.map_err(|error| unavailable(format!("while asking for those of the sign-in: {}", reason(&error))))?;
        if response.status() == reqwest::StatusCode::UNAUTHORIZED {
            return Err(again());
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let keys = &answer["roleCredentials"];
        let value = |name: &str| keys[name].as_str().map(str::to_owned);
        let (Some(id), Some(secret)) = (value("accessKeyId"), value("secretAccessKey")) else {
            let said = answer["message"].as_str().unwrap_or("no key in the answer");
            return Err(invalid(format!("the sign-in of the profile {:?} gives none for this role: {} ({status})", self.profile, said)));
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let until = Duration::from_millis(keys["expiration"].as_u64().unwrap_or_default());
        Ok((fixed(id, secret, value("sessionToken"))?, until.saturating_sub(now)))
    }
}
