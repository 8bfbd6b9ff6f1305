//! The files that AWS's tools share: `~/.aws/credentials` and `~/.aws/config`.

use std::{collections::BTreeMap, env, fs, path::PathBuf, sync::Arc, time::Duration};

use switchyard_plugin_api::Error;

use super::{Credentials, Renewal, Role, Source, fixed, invalid, sso};
use crate::api::Sts;

type Section = BTreeMap<String, String>;

/// How many profiles may stand on each other.
const DEEPEST: usize = 8;

/// Sections of both files, by name.
#[derive(Debug, Default)]
struct Profiles {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
}

/// Credentials of the profile that the environment names, else of the one called `default`; none when there is no such profile.
pub fn find(region: &str, http: &reqwest::Client, sts: &str) -> Result<Option<Credentials>, Error> {
    let named = env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let home = env::var_os("HOME").map(PathBuf::from);
    let place = |variable: &str, name: &str| {
        let path = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        path.or_else(|| home.as_ref().map(|home| home.join(".aws").join(name)))
    };
    let read = |path: Option<PathBuf>| path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let mut profiles = Profiles::default();
    profiles.read(&read(place("AWS_CONFIG_FILE", "config")), true);
    profiles.read(&read(place("AWS_SHARED_CREDENTIALS_FILE", "credentials")), false);
    let cache = home.map(|home| home.join(".aws/sso/cache")).unwrap_or_default();
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    match profiles.credentials(&name, &Surroundings { region, http, sts, cache }, DEEPEST) {
        Ok(None) if named.is_some() => {
            Err(invalid(format!("the profile {name:?} of AWS_PROFILE is in neither file, or holds no credentials")))
        }
        other => other,
    }
}

struct Surroundings<'a> {
    region: &'a str,
    http: &'a reqwest::Client,
    sts: &'a str,
    cache: PathBuf,
}

impl Profiles {
    /// Adds a file. In the configuration profiles have a word before their name.
    fn read(&mut self, text: &str, configuration: bool) {
        let mut section = None;
        for line in text.lines() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let words: Vec<&str> = name.split_whitespace().collect();
                section = match words.as_slice() {
                    ["profile", name] if configuration => Some((false, (*name).to_owned())),
                    ["sso-session", name] if configuration => Some((true, (*name).to_owned())),
                    ["default"] => Some((false, "default".to_owned())),
                    [name] if !configuration => Some((false, (*name).to_owned())),
                    _ => None,
                };
                continue;
            }
            // Indented lines belong to a nested value, which holds no credentials.
            if line.starts_with(char::is_whitespace) {
                continue;
            }
            let (Some((session, name)), Some((key, value))) = (&section, bare.split_once('=')) else { continue };
            let sections = if *session { &mut self.sessions } else { &mut self.profiles };
            sections.entry(name.clone()).or_default().insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }

    fn credentials(&self, name: &str, around: &Surroundings<'_>, depth: usize) -> Result<Option<Credentials>, Error> {
        let Some(profile) = self.profiles.get(name) else { return Ok(None) };
        let value = |key: &str| profile.get(key).cloned().filter(|value| !value.is_empty());
        if let Some(arn) = value("role_arn") {
            let from = match (value("source_profile"), value("credential_source")) {
                // A profile may stand on its own keys.
                (Some(source), _) if source == name => self.keys(profile)?,
                (Some(_), _) if depth == 0 => return Err(invalid("the profiles stand on each other without an end")),
                (Some(source), _) => self.credentials(&source, around, depth - 1)?,
                (None, Some(_)) => Some(Credentials::of_machine(around.region)?),
                // With a web identity it is the machine's.
                (None, None) => return Ok(None),
            };
            let from = from.ok_or_else(|| invalid(format!("what the profile {name:?} stands on holds no credentials")))?;
            let duration = value("duration_seconds").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            let sts = Sts { http: around.http.clone(), endpoint: around.sts.to_owned(), region: around.region.to_owned() };
            let (external_id, session_name) = (value("external_id"), value("role_session_name"));
            return Ok(Some(Credentials::assume(Role { from, arn, external_id, session_name, duration, sts })));
        }
        if let Some(keys) = self.keys(profile)? {
            return Ok(Some(keys));
        }
        if let Some(line) = value("credential_process") {
            return Ok(Some(Credentials::renewed(Renewal::Program(line))));
        }
        let session = value("sso_session");
        let shared = session.as_ref().and_then(|session| self.sessions.get(session)).unwrap_or(profile);
        if let (Some(account), Some(role), Some(start)) = (value("sso_account_id"), value("sso_role_name"), shared.get("sso_start_url")) {
            return Ok(Some(Credentials::renewed(Renewal::Sso(sso::Session {
                http: around.http.clone(),
                region: shared.get("sso_region").cloned().unwrap_or_else(|| around.region.to_owned()),
                account,
                role,
                token: sso::token_file(&around.cache, session.as_deref().unwrap_or(start)),
                profile: name.to_owned(),
            }))));
        }
        Ok(None)
    }

    fn keys(&self, profile: &Section) -> Result<Option<Credentials>, Error> {
        let value = |key: &str| profile.get(key).cloned().filter(|value| !value.is_empty());
        let (Some(id), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key")) else { return Ok(None) };
        let credential = fixed(id, secret, value("aws_session_token"))?;
        Ok(Some(Credentials(Arc::new(Source::Fixed(Arc::new(credential))))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# comment
[default]
region = eu-central-1
[profile base]
s3 =
  max_concurrent_requests = 1
aws_access_key_id=BASE
aws_secret_access_key = secret
[profile worker]
role_arn = arn:aws:iam::1:role/worker
source_profile = base
[profile machine]
role_arn = arn:aws:iam::1:role/worker
credential_source = Ec2InstanceMetadata
[profile program]
credential_process = print-key
[profile person]
sso_session = mine
sso_account_id = 1
sso_role_name = r
[sso-session mine]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
[profile lost]
role_arn = arn:aws:iam::1:role/worker
source_profile = nowhere
[profile circle]
role_arn = a
source_profile = circle2
[profile circle2]
role_arn = a
source_profile = circle
";

    #[test]
    fn b17_profiles_of_every_kind_are_understood() {
        let http = switchyard_cloud_api::http::client().unwrap();
        let around = Surroundings { region: "r", http: &http, sts: "http://sts", cache: PathBuf::from("/cache") };
        let mut profiles = Profiles::default();
        profiles.read(CONFIG, true);
        profiles.read("[default]\naws_access_key_id = FILE\naws_secret_access_key = s\naws_session_token = t\n", false);
        let find = |name: &str| profiles.credentials(name, &around, DEEPEST);
        let Source::Fixed(keys) = &*find("default").unwrap().unwrap().0 else { panic!("no keys") };
        assert_eq!((keys.key_id.as_str(), keys.token.as_deref()), ("FILE", Some("t")));
        for (name, kind) in [("worker", "role"), ("machine", "role"), ("program", "program"), ("person", "sso")] {
            let found = find(name).unwrap().unwrap();
            let Source::Renewed(renewal, _) = &*found.0 else { panic!("{name} is fixed") };
            let found = match renewal {
                Renewal::Role(_) => "role",
                Renewal::Program(_) => "program",
                Renewal::Sso(session) => {
                    assert_eq!(session.region, "us-east-1");
                    "sso"
                }
            };
            assert_eq!(found, kind, "{name}");
        }
        assert!(find("unknown").unwrap().is_none());
        for name in ["lost", "circle"] {
            assert_eq!(find(name).unwrap_err().code, "aws_batch::invalid_credentials", "{name}");
        }
    }
}
