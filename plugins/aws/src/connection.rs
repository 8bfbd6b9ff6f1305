//! How to reach AWS: the properties that all components of this plugin have, so that one default for `io.kestra.plugin.aws` serves all.

use switchyard_plugin_api::prelude::*;

/// Credentials, region and endpoint.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// Access key. Without it the credentials that are at hand where the command runs.
    pub access_key_id: Option<String>,
    /// Secret key that belongs to the access key.
    pub secret_key_id: Option<String>,
    /// Token of temporary credentials.
    pub session_token: Option<String>,
    /// Region, such as `eu-central-1`.
    pub region: Option<String>,
    /// Another endpoint for all services, such as an emulator's.
    pub endpoint_override: Option<String>,
    /// Accepted for flows that set it for other components; it has no effect here.
    pub compatibility_mode: Option<bool>,
    /// Accepted for flows that set it for other components; it has no effect here.
    pub force_path_style: Option<bool>,
    /// Role to assume.
    pub sts_role_arn: Option<String>,
    /// External id that the role asks for.
    pub sts_role_external_id: Option<String>,
    /// Name of the session in which the role is assumed.
    pub sts_role_session_name: Option<String>,
    /// How long the role is assumed.
    pub sts_role_session_duration: Option<IsoDuration>,
    /// Accepted for flows that set it for other components; it has no effect here.
    pub sts_endpoint_override: Option<String>,
}
