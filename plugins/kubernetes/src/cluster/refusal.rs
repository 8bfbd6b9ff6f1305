//! What came back in the place of an answer.

use std::{fmt, time::Duration};

use serde::Deserialize;

use super::Call;
use crate::error::Failure;

/// The server said no.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The machine's word, such as `AlreadyExists`.
    pub reason: String,
    /// The message for people.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The server said no.
    Refused(Refusal),
    /// Nothing came back, or not all of it.
    Broken(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

impl Refusal {
    /// Reads the answer of a status that is no success.
    pub fn read(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        match serde_json::from_slice::<Status>(body) {
            Ok(read) => {
                let seconds = read.details.map_or(0, |d| d.retry_after_seconds);
                let retry_after = retry_after.or_else(|| (seconds > 0).then(|| Duration::from_secs(seconds)));
                Self { status, reason: read.reason, message: read.message, retry_after }
            }
            Err(_) => {
                let message = String::from_utf8_lossy(body).trim().chars().take(500).collect();
                Self { status, reason: String::new(), message, retry_after }
            }
        }
    }
}

impl Refusal {
    /// What was sent is more than the server or its store takes; the store's own word comes with status 500.
    fn is_about_size(&self) -> bool {
        self.status == 413 || self.message.contains("request is too large") || self.message.contains("message larger than max")
    }
}

impl Trouble {
    /// Whether asking again may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Broken(reason) => !reason.contains("invalid peer certificate"),
            Self::Refused(refusal) => matches!(refusal.status, 401 | 408 | 429 | 500..=599) && !refusal.is_about_size(),
        }
    }

    /// Whether the server does not know us.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// HTTP status, when there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Broken(_) => None,
        }
    }

    /// The machine's word.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.reason,
            Self::Broken(_) => "",
        }
    }

    /// When to come back.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Broken(_) => None,
        }
    }

    /// What it means for a run.
    pub fn into_failure(self, server: &str, call: &Call) -> Failure {
        let (server, doing, namespace) = (server.to_owned(), call.doing, call.namespace.clone());
        let refusal = match self {
            Self::Broken(reason) => return Failure::Unreachable { server, doing, reason },
            Self::Refused(refusal) => refusal,
        };
        let too_large = refusal.is_about_size();
        let message = refusal.message;
        match refusal.status {
            _ if too_large && call.verb == "create" => {
                Failure::InvalidPod { message: format!("it is too large; long values belong into inputFiles: {message}") }
            }
            401 => Failure::Unauthorized { server, doing, message },
            403 if message.contains("exceeded quota") => Failure::Quota { namespace, waited: Duration::ZERO, message },
            // A missing right is told in one form; everything else that is forbidden was forbidden by a policy.
            403 if message.contains("User \"") || message.contains("cannot ") => {
                Failure::Forbidden { verb: call.verb, resource: call.resource, namespace, message }
            }
            403 => Failure::Denied { message },
            404 if message.contains("namespaces \"") => Failure::NamespaceMissing { namespace },
            400 | 422 if message.contains("admission webhook") => Failure::Denied { message },
            400 | 422 if call.verb == "create" && call.resource == "pods" => Failure::InvalidPod { message },
            status => Failure::Refused { server, doing, status, message },
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::Refused(refusal) => write!(f, "{} (status {})", refusal.message, refusal.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_k27_refusals_have_their_own_code() {
        let create = Call::pods("create", "pods", "team", "", "creating the pod");
        for (status, message, code) in [
            (401, "Unauthorized", "kubernetes::unauthorized"),
            (
                403,
                r#"pods is forbidden: User "system:serviceaccount:a:b" cannot create resource "pods" in API group "" in the namespace "team""#,
                "kubernetes::forbidden",
            ),
            (
                403,
                r#"pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#,
                "kubernetes::quota_exceeded",
            ),
            (403, r#"pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#, "kubernetes::pod_denied"),
            (404, r#"namespaces "team" not found"#, "kubernetes::namespace_missing"),
            (400, r#"admission webhook "policy.example.org" denied the request: no"#, "kubernetes::pod_denied"),
            (422, r#"Pod "x" is invalid: spec.containers[0].image: Required value"#, "kubernetes::invalid_pod"),
            (
                400,
                r#"Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.imagee""#,
                "kubernetes::invalid_pod",
            ),
            (413, "Request entity too large: limit is 3145728", "kubernetes::invalid_pod"),
            (500, "etcdserver: request is too large", "kubernetes::invalid_pod"),
            (500, "trying to send message larger than max (3039494 vs. 2097152)", "kubernetes::invalid_pod"),
            (409, "conflict", "kubernetes::api_refused"),
            (500, "etcd is gone", "kubernetes::api_refused"),
        ] {
            let refusal = Refusal { status, message: message.to_owned(), ..Refusal::default() };
            assert_eq!(Trouble::Refused(refusal).into_failure("https://h", &create).code(), code, "{status} {message}");
        }
    }

    #[test]
    fn kube_k31_the_servers_pause_is_read() {
        let body = br#"{"kind":"Status","message":"slow down","reason":"TooManyRequests","details":{"retryAfterSeconds":3},"code":429}"#;
        let refusal = Refusal::read(429, body, None);
        assert_eq!((refusal.retry_after, refusal.reason.as_str()), (Some(Duration::from_secs(3)), "TooManyRequests"));
        assert_eq!(Refusal::read(429, body, Some(Duration::from_secs(9))).retry_after, Some(Duration::from_secs(9)));
        assert_eq!(Refusal::read(502, b"<html>bad gateway</html>", None).message, "<html>bad gateway</html>");
    }
}
