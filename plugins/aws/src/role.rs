//! Assuming a role: a configuration of the CLI's own in the working directory, so that the one of the host stays as it is.

use switchyard_plugin_api::{Paths, Plan, PlanFile};

use crate::connection::Connection;

/// The key that may assume the role stands in variables of this prefix: under its usual name the CLI would use it as it is.
pub const SOURCE: &str = "SWITCHYARD_SOURCE";
const CONFIG: &str = ".switchyard-aws-config";
const KEY: &str = ".switchyard-aws-key";
const PRINT_KEY: &str = r#"printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s"' "$SWITCHYARD_SOURCE_ACCESS_KEY_ID" "$SWITCHYARD_SOURCE_SECRET_ACCESS_KEY"
if test -n "${SWITCHYARD_SOURCE_SESSION_TOKEN:-}"; then printf ', "SessionToken": "%s"' "$SWITCHYARD_SOURCE_SESSION_TOKEN"; fi
printf '}\n'
"#;
/// In seconds.
const DURATION: u64 = 900;

/// Completes a plan so that the CLI acts in the role.
pub fn assume(plan: &mut Plan, arn: &str, connection: &Connection, source: Option<&str>, paths: &Paths) {
    let below = |name: &str| if paths.working_dir.is_empty() { name.to_owned() } else { format!("{}/{name}", paths.working_dir) };
    let duration = connection.sts_role_session_duration.map_or(DURATION, |duration| duration.0.as_secs());
    let mut config = format!("[default]\nrole_arn = {}\nduration_seconds = {duration}\n", line(arn));
    for (name, value) in [("role_session_name", &connection.sts_role_session_name), ("external_id", &connection.sts_role_external_id)] {
        if let Some(value) = value {
            config.push_str(&format!("{name} = {}\n", line(value)));
        }
    }
    if connection.access_key_id.is_some() {
        config.push_str(&format!("source_profile = source\n\n[profile source]\ncredential_process = /bin/sh \"{}\"\n", below(KEY)));
        plan.files.push(PlanFile { path: KEY.into(), content: PRINT_KEY.into(), executable: false });
    } else if let Some(source) = source {
        config.push_str(&format!("credential_source = {source}\n"));
    }
    plan.env.insert("AWS_CONFIG_FILE".into(), below(CONFIG));
    plan.files.push(PlanFile { path: CONFIG.into(), content: config, executable: false });
}

/// A value cannot bring lines of its own.
fn line(value: &str) -> String {
    value.replace(['\n', '\r'], " ")
}
