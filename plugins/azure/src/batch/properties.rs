//! What a flow says below `taskRunner:`.

use std::time::Duration;

use switchyard_plugin_api::{IsoDuration, prelude::*};

/// Runs the task in a pool of Azure Batch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Address of the Batch account, such as `https://ACCOUNT.REGION.batch.azure.com`.
    pub endpoint: String,
    /// Name of the Batch account.
    #[serde(default)]
    pub account: Option<String>,
    /// Key of the Batch account. Default: the identity of the host (a service principal of the environment, a workload or managed identity).
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub access_key: Option<String>,
    /// Pool that the task runs in. It has to be there, and be able to run containers.
    pub pool_id: String,
    /// Container of Azure Storage that files travel through. Without it a task has neither input nor output files.
    #[serde(default)]
    pub blob_storage: Option<BlobStorage>,
    /// Private registry of the image.
    #[serde(default)]
    pub registry: Option<Registry>,
    /// More options for starting the container, as of `docker create`.
    #[serde(default)]
    pub container_run_options: Option<String>,
    /// Places that the task takes on its node. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 256))]
    pub required_slots: Option<u32>,
    /// Longest time the task may take when it has no `timeout`.
    #[serde(default = "hour")]
    #[schemars(extend("default" = "PT1H"))]
    pub wait_until_completion: IsoDuration,
    /// Longest time between two looks at the task.
    #[serde(default = "five_seconds")]
    #[schemars(extend("default" = "PT5S"))]
    pub completion_check_interval: IsoDuration,
    /// Show output while the task runs; else after its end.
    #[serde(default = "yes")]
    pub stream_logs: bool,
    /// Remove the job and its files at the end, also after a failure.
    #[serde(default = "yes")]
    pub delete: bool,
    /// Find the job again after a restart of the host.
    #[serde(default = "yes")]
    pub resume: bool,
    /// Bring back every file of the working directory, not only the output files of the task.
    #[serde(default)]
    pub sync_working_directory: bool,
}

/// A container of Azure Storage: by a connection string, or by endpoint, account and key.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BlobStorage {
    /// Name of the container.
    pub container_name: Option<String>,
    /// Connection string of the storage account.
    #[schemars(extend("x-secret" = true))]
    pub connection_string: Option<String>,
    /// Address of the account's blobs, such as `https://ACCOUNT.blob.core.windows.net`.
    pub endpoint: Option<String>,
    /// Name of the storage account.
    pub shared_key_account_name: Option<String>,
    /// Key of the storage account.
    #[schemars(extend("x-secret" = true))]
    pub shared_key_account_access_key: Option<String>,
}

/// A private registry: by name and password, or by an identity of the pool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Registry {
    /// Address. Default: `docker.io`.
    pub registry_server: Option<String>,
    /// User.
    #[serde(alias = "username")]
    pub user_name: Option<String>,
    /// Password.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,
    /// Identity instead of user and password.
    pub identity_reference: Option<IdentityReference>,
}

/// A managed identity that the pool has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdentityReference {
    /// Full resource id.
    pub resource_id: Option<String>,
}

fn hour() -> IsoDuration {
    IsoDuration(Duration::from_secs(3600))
}

fn five_seconds() -> IsoDuration {
    IsoDuration(Duration::from_secs(5))
}

fn yes() -> bool {
    true
}

fn has(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|text| !text.trim().is_empty())
}

impl BlobStorage {
    /// Whether files can travel: a container, and one of the two ways to it.
    pub fn is_complete(&self) -> bool {
        has(&self.container_name) && (has(&self.connection_string) || self.has_key())
    }

    pub fn has_key(&self) -> bool {
        has(&self.endpoint) && has(&self.shared_key_account_name) && has(&self.shared_key_account_access_key)
    }
}

impl Properties {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |wrong: bool, place: &str, message: &str, help: &str| {
            if wrong {
                problems.push(Problem::new(place, message).with_help(help));
            }
        };
        let address = "write for example `https://ACCOUNT.REGION.batch.azure.com`";
        check(!self.endpoint.contains("://"), "/endpoint", "the endpoint is no address", address);
        check(self.pool_id.trim().is_empty(), "/poolId", "the pool is empty", "set `poolId` to the id of a pool of the Batch account");
        check(
            has(&self.access_key) && !has(&self.account),
            "/account",
            "there is an access key, but no account that it belongs to",
            "set `account` to the name of the Batch account",
        );
        if let Some(blob) = &self.blob_storage {
            check(!has(&blob.container_name), "/blobStorage/containerName", "the storage has no container", "set `containerName`");
            check(
                !has(&blob.connection_string) && !blob.has_key(),
                "/blobStorage",
                "nothing leads to the storage account",
                "set `connectionString`, or `endpoint`, `sharedKeyAccountName` and `sharedKeyAccountAccessKey`",
            );
        }
        if let Some(registry) = &self.registry {
            let identity = registry.identity_reference.as_ref().is_some_and(|identity| has(&identity.resource_id));
            check(
                identity && (has(&registry.user_name) || has(&registry.password)),
                "/registry/identityReference",
                "an identity and a user exclude each other",
                "remove one of the two",
            );
            check(
                has(&registry.user_name) != has(&registry.password),
                "/registry",
                "a user needs a password, and a password a user",
                "set both `userName` and `password`",
            );
        }
        check(
            self.completion_check_interval.0.is_zero(),
            "/completionCheckInterval",
            "an interval of nothing would ask without a pause",
            "write for example `PT5S`",
        );
        check(self.required_slots == Some(0), "/requiredSlots", "a task takes at least one place", "write a number from 1 on");
        problems
    }

    /// The storage, when files can travel through it.
    pub fn storage(&self) -> Option<&BlobStorage> {
        self.blob_storage.as_ref().filter(|blob| blob.is_complete())
    }

    /// The task's own time limit wins unless it is zero.
    pub fn limit(&self, timeout: Option<Duration>) -> Duration {
        timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(self.wait_until_completion.0)
    }
}
