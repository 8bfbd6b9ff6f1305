//! What can go wrong, with a stable code, who has to act, and what to try.

use std::time::Duration;

use switchyard_plugin_api::{Error, ErrorKind};

/// A failed run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// `config` cannot be used.
    #[error("{property} of the connection cannot be used: {reason}")]
    InvalidConfig {
        /// Field of `config`.
        property: &'static str,
        /// The rule it breaks; never its value when it may be a secret.
        reason: String,
    },
    /// Nothing says where the cluster is.
    #[error("no cluster is configured: {reason}")]
    NoCluster {
        /// What was looked for.
        reason: String,
    },
    /// The server does not answer.
    #[error("the Kubernetes API at {server} does not answer while {doing}: {reason}")]
    Unreachable {
        /// Which server.
        server: String,
        /// What was asked of it.
        doing: &'static str,
        /// The last error.
        reason: String,
    },
    /// The server does not know us.
    #[error("the Kubernetes API at {server} does not accept the credentials while {doing}: {message}")]
    Unauthorized {
        /// Which server.
        server: String,
        /// What was asked of it.
        doing: &'static str,
        /// Its message.
        message: String,
    },
    /// The account lacks a right.
    #[error("not allowed to {verb} {resource} in namespace {namespace}: {message}")]
    Forbidden {
        /// The verb of the rule that is missing.
        verb: &'static str,
        /// The resource of that rule.
        resource: &'static str,
        /// Where.
        namespace: String,
        /// The server's message.
        message: String,
    },
    /// No such namespace.
    #[error("the cluster has no namespace {namespace}")]
    NamespaceMissing {
        /// As written.
        namespace: String,
    },
    /// The pod is not one that the server takes.
    #[error("the cluster rejects the pod: {message}")]
    InvalidPod {
        /// The server's message, which names the field.
        message: String,
    },
    /// A field that pods do not have.
    #[error("{path} is not a field of a pod{}", did_you_mean.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
    UnknownField {
        /// Where, such as `spec.containers[0].imagee`.
        path: String,
        /// A field with a similar name.
        did_you_mean: Option<String>,
    },
    /// A value of a field has the wrong form.
    #[error("the pod cannot be built: {reason}")]
    InvalidField {
        /// Why.
        reason: String,
    },
    /// A policy of the cluster says no.
    #[error("a policy of the cluster refuses the pod: {message}")]
    Denied {
        /// The server's message.
        message: String,
    },
    /// The namespace's quota is used up.
    #[error("the quota of namespace {namespace} has no room for the pod (waited {}): {message}", seconds(*waited))]
    Quota {
        /// Where.
        namespace: String,
        /// How long we waited.
        waited: Duration,
        /// The server's message.
        message: String,
    },
    /// The server refused, for a reason without a case of its own.
    #[error("the Kubernetes API at {server} refuses while {doing}: {message} (status {status})")]
    Refused {
        /// Which server.
        server: String,
        /// What was asked of it.
        doing: &'static str,
        /// HTTP status.
        status: u16,
        /// Its message.
        message: String,
    },
    /// No image was named.
    #[error("the task names no image")]
    ImageRequired,
    /// No program was named. A pod without a command would run what its image brings.
    #[error("there is no program to run: the command is an empty list")]
    EmptyCommand,
    /// `credentials` cannot be used.
    #[error("the credentials for {registry} cannot be used: {reason}")]
    InvalidCredentials {
        /// Which registry.
        registry: String,
        /// Why; never the secret itself.
        reason: String,
    },
    /// An image does not come.
    #[error("cannot pull {image} for container {container} ({reason}): {message}")]
    Image {
        /// Which image.
        image: String,
        /// For which container.
        container: String,
        /// The kubelet's word.
        reason: String,
        /// Its message.
        message: String,
        /// Whether waiting would not help.
        refused: bool,
    },
    /// A container cannot be created.
    #[error("container {container} cannot be created ({reason}): {message}")]
    Container {
        /// Which container.
        container: String,
        /// The kubelet's word.
        reason: String,
        /// Its message.
        message: String,
    },
    /// An init container failed.
    #[error("init container {container} failed with exit code {code} ({reason}) before the command could start: {message}")]
    Init {
        /// Which.
        container: String,
        /// Its exit code.
        code: i32,
        /// The kubelet's word.
        reason: String,
        /// Its message.
        message: String,
    },
    /// No node takes the pod.
    #[error("no node took the pod within {}: {message}", seconds(*waited))]
    Unschedulable {
        /// How long we waited.
        waited: Duration,
        /// The scheduler's reasons.
        message: String,
    },
    /// It did not start in time.
    #[error("the command did not start within {} (waitUntilRunning): {state}", seconds(*waited))]
    NotStarted {
        /// How long we waited.
        waited: Duration,
        /// What the pod was doing.
        state: String,
    },
    /// It ran too long.
    #[error("the command ran longer than {} ({by})", seconds(*limit))]
    TooLong {
        /// The limit.
        limit: Duration,
        /// Whose limit.
        by: &'static str,
    },
    /// The cluster took the place away.
    #[error("the cluster ended the pod{}: {reason}: {message}", node.as_ref().map(|n| format!(" on node {n}")).unwrap_or_default())]
    Disrupted {
        /// Where it ran.
        node: Option<String>,
        /// The cluster's word, such as `Evicted`.
        reason: String,
        /// Its message.
        message: String,
    },
    /// Its node is gone.
    #[error("node {node} is gone, and the pod with it: {message}")]
    NodeLost {
        /// Which node.
        node: String,
        /// What the cluster says.
        message: String,
    },
    /// Somebody deleted the pod.
    #[error("the pod {pod} was deleted from outside before the command had ended")]
    Deleted {
        /// Which.
        pod: String,
    },
    /// The pod failed without saying how its container ended.
    #[error("the pod {pod} failed without an exit code of its container: {message}")]
    NoStatus {
        /// Which.
        pod: String,
        /// What there is to say.
        message: String,
    },
    /// Input files did not get in.
    #[error("cannot copy the working directory into the pod: {reason}")]
    Upload {
        /// Why.
        reason: String,
    },
    /// Output files did not get out.
    #[error("cannot copy output files out of the pod: {reason}")]
    Download {
        /// Why.
        reason: String,
    },
    /// Somebody else's pod has our name.
    #[error("a pod named {name} exists in namespace {namespace} and does not belong to this task")]
    NameTaken {
        /// The name.
        name: String,
        /// Where.
        namespace: String,
    },
    /// The host asked for the end before the command started.
    #[error("the task was asked to end")]
    Cancelled,
    /// Another failure, with what the cluster noted about the pod.
    #[error("{failure}; events of the pod: {}", events.join("; "))]
    WithEvents {
        /// The failure.
        failure: Box<Failure>,
        /// One line each.
        events: Vec<String>,
    },
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

impl Failure {
    /// Adds what the cluster noted about the pod.
    #[must_use]
    pub fn with_events(self, events: Vec<String>) -> Self {
        if events.is_empty() || matches!(self, Self::WithEvents { .. }) {
            self
        } else {
            Self::WithEvents { failure: Box::new(self), events }
        }
    }

    /// Stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidConfig { .. } => "kubernetes::invalid_config",
            Self::NoCluster { .. } => "kubernetes::no_cluster",
            Self::Unreachable { .. } => "kubernetes::api_unreachable",
            Self::Unauthorized { .. } => "kubernetes::unauthorized",
            Self::Forbidden { .. } => "kubernetes::forbidden",
            Self::NamespaceMissing { .. } => "kubernetes::namespace_missing",
            Self::InvalidPod { .. } => "kubernetes::invalid_pod",
            Self::UnknownField { .. } => "kubernetes::unknown_field",
            Self::InvalidField { .. } => "kubernetes::invalid_field",
            Self::Denied { .. } => "kubernetes::pod_denied",
            Self::Quota { .. } => "kubernetes::quota_exceeded",
            Self::Refused { .. } => "kubernetes::api_refused",
            Self::ImageRequired => "kubernetes::image_required",
            Self::EmptyCommand => "kubernetes::empty_command",
            Self::InvalidCredentials { .. } => "kubernetes::invalid_credentials",
            Self::Image { .. } => "kubernetes::image_pull_failed",
            Self::Container { .. } => "kubernetes::container_not_created",
            Self::Init { .. } => "kubernetes::init_failed",
            Self::Unschedulable { .. } => "kubernetes::unschedulable",
            Self::NotStarted { .. } => "kubernetes::not_started",
            Self::TooLong { .. } => "kubernetes::ran_too_long",
            Self::Disrupted { .. } => "kubernetes::pod_disrupted",
            Self::NodeLost { .. } => "kubernetes::node_lost",
            Self::Deleted { .. } => "kubernetes::pod_deleted",
            Self::NoStatus { .. } => "kubernetes::no_exit_code",
            Self::Upload { .. } => "kubernetes::upload_failed",
            Self::Download { .. } => "kubernetes::download_failed",
            Self::NameTaken { .. } => "kubernetes::name_taken",
            Self::Cancelled => "task::cancelled",
            Self::WithEvents { failure, .. } => failure.code(),
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Quota { .. }
            | Self::Unschedulable { .. }
            | Self::NotStarted { .. }
            | Self::Disrupted { .. }
            | Self::NodeLost { .. }
            | Self::Deleted { .. }
            | Self::NoStatus { .. }
            | Self::Upload { .. }
            | Self::Download { .. }
            | Self::NameTaken { .. } => ErrorKind::Environment,
            Self::Refused { status, .. } if *status >= 500 => ErrorKind::Environment,
            Self::Image { refused: false, .. } => ErrorKind::Environment,
            Self::TooLong { .. } => ErrorKind::Task,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::WithEvents { failure, .. } => failure.kind(),
            _ => ErrorKind::User,
        }
    }

    fn property(&self) -> Option<String> {
        match self {
            Self::InvalidConfig { property: "", .. } => Some("/config".into()),
            Self::InvalidConfig { property, .. } => Some(format!("/config/{property}")),
            Self::NamespaceMissing { .. } => Some("/namespace".into()),
            Self::InvalidCredentials { .. } => Some("/credentials".into()),
            Self::UnknownField { .. } | Self::InvalidField { .. } => Some("/podSpec".into()),
            Self::WithEvents { failure, .. } => failure.property(),
            _ => None,
        }
    }

    /// What to try.
    fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidConfig { .. } => {
                "certificates and keys are PEM, or the base64 of PEM as in a kubeconfig (kubectl config view --minify --flatten); key stores are PKCS#12"
            }
            Self::NoCluster { .. } => "set config on the runner, or KUBECONFIG, or run the host in a pod with a service account",
            Self::Unreachable { reason, .. } if reason.contains("certificate") => {
                "the server's certificate is not signed by config.caCertData (or caCertFile), or is made for another name than masterUrl"
            }
            Self::Unreachable { .. } => "check config.masterUrl, and that this machine reaches the API server",
            Self::Unauthorized { .. } => "renew the token or the client certificate; tokenFile and exec are renewed by themselves",
            Self::Forbidden { .. } => {
                "`switchyard doctor` lists what is missing, and `switchyard plugins show io.kestra.plugin.kubernetes.runner.Kubernetes` prints a manifest that grants it"
            }
            Self::NamespaceMissing { .. } => "create the namespace, or set namespace to one that exists",
            Self::InvalidPod { .. } | Self::InvalidField { .. } => {
                "`switchyard run --dry-run` shows the pod; check podSpec, containerSpec and resources"
            }
            Self::UnknownField { .. } => "check podSpec, containerSpec, containerDefaultSpec and fileSideCarSpec",
            Self::Denied { message } if message.contains("service account") => {
                "create the service account, or set serviceAccountName to one that the namespace has"
            }
            Self::Denied { message } if ["PodSecurity", "ecurityContext", "rivileged", "runAs"].iter().any(|w| message.contains(w)) => {
                "set what the policy asks for in podSpec.securityContext and containerSpec.securityContext"
            }
            Self::Denied { message } if message.contains("must specify") => {
                "set resources.request and resources.limit, and fileSidecar.resources when files move"
            }
            Self::Denied { .. } => "change what the message names, or ask whoever runs the cluster",
            Self::Quota { .. } => "wait for other pods to end, raise the quota, or lower resources",
            Self::ImageRequired => "set containerImage on the task",
            Self::EmptyCommand => "give commands at least one entry",
            Self::InvalidCredentials { .. } => "set username and password, or auth",
            Self::Image { refused: true, .. } => {
                "check the image's name and tag, and set credentials or imagePullSecrets for a private registry"
            }
            Self::Image { .. } => "check that the nodes reach the registry; imagePullTimeout says how long to go on trying",
            Self::Container { .. } => "check what podSpec refers to: secrets, config maps, volumes",
            Self::Init { .. } => "check the init container, or fileSidecar.image",
            Self::Unschedulable { .. } => {
                "lower resources.request, check nodeSelector and tolerations, or raise waitUntilRunning for a cluster that grows"
            }
            Self::NotStarted { .. } => "raise waitUntilRunning, or look at the pod with delete: false",
            Self::TooLong { .. } => "raise waitUntilCompletion, or set timeout on the task",
            Self::Disrupted { .. } | Self::NodeLost { .. } | Self::Deleted { .. } => {
                "running the task again is safe for the cluster; set retry on the task"
            }
            Self::Upload { .. } | Self::Download { .. } => {
                "fileSidecar.image needs sh, tar and head; fileVolume: {medium: DISK} has more room than memory"
            }
            Self::NameTaken { .. } => "delete that pod",
            Self::WithEvents { failure, .. } => return failure.help(),
            Self::Refused { .. } | Self::NoStatus { .. } | Self::Cancelled => return None,
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        if matches!(failure, Failure::Cancelled) {
            return Self::cancelled();
        }
        let mut error = Self::new(failure.kind(), failure.code(), failure.to_string());
        if let Some(help) = failure.help() {
            error = error.with_help(help);
        }
        if let Some(property) = failure.property() {
            error = error.at(property);
        }
        error
    }
}
