//! Who signs the requests: a role, static keys, or what the machine offers.

mod profile;
mod role;
mod sso;

use std::{
    env,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use object_store::{
    CredentialProvider, RetryConfig,
    aws::{AmazonS3Builder, AwsCredential, AwsCredentialProvider},
};
use serde_json::Value;
use switchyard_plugin_api::Error;
use tokio::{process::Command, sync::Mutex, time::timeout};

pub use role::{Role, element};

/// Credentials are renewed this long before they end.
const EARLY: Duration = Duration::from_secs(120);
/// How long a program's answer is trusted, and how long it may take.
const PROGRAM: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);
const HELP: &str =
    "set `accessKeyId` and `secretKeyId`, or give the host credentials: AWS_ACCESS_KEY_ID, a profile, or a role of the machine";

/// Where credentials come from. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Source>);

enum Source {
    Fixed(Arc<AwsCredential>),
    /// Environment, web identity, container or machine; renews itself.
    Host(AwsCredentialProvider),
    Renewed(Renewal, Mutex<Option<(Arc<AwsCredential>, Instant)>>),
}

enum Renewal {
    Role(Box<Role>),
    Program(String),
    Sso(sso::Session),
}

/// Keys that stand in the flow.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    pub access_key_id: Option<String>,
    pub secret_key_id: Option<String>,
    pub session_token: Option<String>,
}

pub fn invalid(what: impl std::fmt::Display) -> Error {
    Error::user("aws_batch::invalid_credentials", format!("the credentials cannot be used: {what}")).with_help(HELP)
}

/// Ends the message of a failed exchange that gives out credentials.
pub fn unavailable(what: impl std::fmt::Display) -> Error {
    Error::environment("aws_batch::no_credentials", format!("no credentials can be had: {what}")).with_help(HELP)
}

/// Keys that can stand in a header.
fn fixed(key_id: String, secret_key: String, token: Option<String>) -> Result<AwsCredential, Error> {
    let clean = |text: String| text.trim().to_owned();
    let credential =
        AwsCredential { key_id: clean(key_id), secret_key: clean(secret_key), token: token.map(clean).filter(|token| !token.is_empty()) };
    let texts = [Some(&credential.key_id), Some(&credential.secret_key), credential.token.as_ref()];
    let printable = texts.into_iter().flatten().all(|text| text.chars().all(|c| c.is_ascii_graphic()));
    if printable && !credential.key_id.contains('/') { Ok(credential) } else { Err(invalid("a key holds characters that no key has")) }
}

impl Credentials {
    fn renewed(renewal: Renewal) -> Self {
        Self(Arc::new(Source::Renewed(renewal, Mutex::default())))
    }

    /// Keys of the flow, or those of the host in the order of AWS's own tools: environment, profile, web identity, container, machine.
    pub fn find(keys: &Keys, region: &str, http: &reqwest::Client, sts: &str) -> Result<Self, Error> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        match (given(&keys.access_key_id), given(&keys.secret_key_id)) {
            (Some(id), Some(secret)) => {
                let credential = fixed(id, secret, keys.session_token.clone()).map_err(|error| error.at("/accessKeyId"))?;
                return Ok(Self(Arc::new(Source::Fixed(Arc::new(credential)))));
            }
            (None, None) => {}
            (id, _) => {
                let missing = if id.is_none() { "accessKeyId" } else { "secretKeyId" };
                return Err(invalid(format!("`{missing}` is missing, the two belong together")).at(format!("/{missing}")));
            }
        }
        let in_environment =
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].iter().all(|name| env::var_os(name).is_some_and(|v| !v.is_empty()));
        if !in_environment {
            if let Some(found) = profile::find(region, http, sts)? {
                return Ok(found);
            }
        }
        Self::of_machine(region)
    }

    fn of_machine(region: &str) -> Result<Self, Error> {
        // On a machine without metadata nobody answers.
        let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
        let builder = AmazonS3Builder::from_env().with_region(region).with_bucket_name("none").with_allow_http(true).with_retry(retry);
        let store = builder.build();
        let store = store.map_err(unavailable)?;
        Ok(Self(Arc::new(Source::Host(store.credentials().clone()))))
    }

    /// These credentials take on a role.
    pub fn assume(role: Role) -> Self {
        Self::renewed(Renewal::Role(Box::new(role)))
    }

    /// Credentials that are still good; `fresh` does not trust those at hand.
    pub fn get(&self, fresh: bool) -> Pin<Box<dyn Future<Output = Result<Arc<AwsCredential>, Error>> + Send + '_>> {
        // A role may stand on another role.
        Box::pin(async move {
            let (renewal, kept) = match &*self.0 {
                Source::Fixed(credential) => return Ok(credential.clone()),
                Source::Host(provider) => return provider.get_credential().await.map_err(unavailable),
                Source::Renewed(renewal, kept) => (renewal, kept),
            };
            let mut kept = kept.lock().await;
            match kept.as_ref() {
                Some((credential, until)) if !fresh && *until > Instant::now() => return Ok(credential.clone()),
                _ => {}
            }
            let (credential, lives) = match renewal {
                Renewal::Role(role) => role.assume(fresh).await?,
                Renewal::Program(line) => (of_program(line).await?, PROGRAM + EARLY),
                Renewal::Sso(session) => session.credential().await?,
            };
            let credential = Arc::new(credential);
            *kept = Some((credential.clone(), Instant::now() + lives.saturating_sub(EARLY)));
            Ok(credential)
        })
    }

    /// Whether asking again may give other credentials.
    pub fn renews(&self) -> bool {
        !matches!(&*self.0, Source::Fixed(_))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    // What `async fn` of this trait is written out to.
    fn get_credential<'life0, 'async_trait>(
        &'life0 self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(
            async move { self.get(false).await.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) }) },
        )
    }
}

/// The answer of a profile's `credential_process`.
async fn of_program(line: &str) -> Result<AwsCredential, Error> {
    let run = Command::new("/bin/sh").arg("-c").arg(line).stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let output = match timeout(PATIENCE, run).await {
        Ok(Ok(output)) if output.status.success() => output,
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(unavailable(format!("the profile's credential_process ended with {}: {}", output.status, said.trim())));
        }
        Ok(Err(error)) => return Err(unavailable(format!("the profile's credential_process cannot be started: {error}"))),
        Err(_) => return Err(unavailable(format!("the profile's credential_process took longer than {} s", PATIENCE.as_secs()))),
    };
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| invalid("the profile's credential_process printed no JSON"))?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(id), Some(secret)) => fixed(id, secret, text("SessionToken")),
        _ => Err(invalid("the profile's credential_process printed no key")),
    }
}
