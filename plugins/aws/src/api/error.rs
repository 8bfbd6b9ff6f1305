//! What AWS refused, in words.

use reqwest::StatusCode;
use serde_json::Value;
use switchyard_plugin_api::{Error, ErrorKind};

use crate::credentials::element;

const THROTTLED: &[&str] = &[
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "LimitExceededException",
];
const EXPIRED: &[&str] = &["ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"];
const UNAUTHORIZED: &[&str] = &[
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "InvalidToken",
];
const FORBIDDEN: &[&str] = &["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "AuthorizationError"];
const MISSING: &[&str] = &["ResourceNotFoundException", "NoSuchBucket", "NoSuchKey", "NotFoundException"];

/// An answer that is no good one: JSON of Batch and CloudWatch Logs, XML of STS.
pub fn refused(what: &str, status: StatusCode, kind: Option<&str>, text: &str) -> Error {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).map(str::to_owned);
    let kind = kind
        .map(str::to_owned)
        .or_else(|| field(&["__type", "code", "Code"]))
        .or_else(|| element(text, "Code").map(str::to_owned))
        .unwrap_or_default();
    // `name:address`, or `namespace#name`.
    let kind = kind.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    let said = field(&["message", "Message", "errorMessage"])
        .or_else(|| element(text, "Message").map(str::to_owned))
        .unwrap_or_else(|| text.chars().take(300).collect());
    of(what, status, kind, &said)
}

/// The error for one of AWS's own codes.
pub fn of(what: &str, status: StatusCode, kind: &str, said: &str) -> Error {
    let is = |names: &[&str]| names.contains(&kind);
    let name = if kind.is_empty() { format!("{}", status.as_u16()) } else { format!("{} {kind}", status.as_u16()) };
    let message = format!("while {what} AWS answered {name}: {}", said.trim());
    let old = said.contains("Signature expired")
        || said.contains("Signature not yet current")
        || kind == "RequestExpired"
        || kind == "RequestTimeTooSkewed";
    let (kind, code, help) = if is(THROTTLED) || status == StatusCode::TOO_MANY_REQUESTS {
        (ErrorKind::Environment, "aws_batch::throttled", "too many requests of this account in this region; try again later".to_owned())
    } else if is(EXPIRED) {
        let help = "the temporary credentials are over: renew `sessionToken` with its keys, or give the host credentials that renew themselves (a role, `stsRoleArn`)";
        (ErrorKind::User, "aws_batch::expired_credentials", help.to_owned())
    } else if old {
        (
            ErrorKind::Environment,
            "aws_batch::unauthorized",
            "set the host's clock: AWS refuses what was signed more than five minutes off".to_owned(),
        )
    } else if is(UNAUTHORIZED) {
        let help = "check `accessKeyId`, `secretKeyId` and `sessionToken`, or the credentials of the host";
        (ErrorKind::User, "aws_batch::unauthorized", help.to_owned())
    } else if is(FORBIDDEN) || status == StatusCode::FORBIDDEN || status == StatusCode::UNAUTHORIZED {
        let help = match action(said) {
            Some(action) => format!(
                "allow {action:?} in a policy of these credentials; the runner's documentation holds a policy with all that it needs"
            ),
            None => "the runner's documentation holds a policy with all that it needs".to_owned(),
        };
        (ErrorKind::User, "aws_batch::forbidden", help)
    } else if is(MISSING) || status == StatusCode::NOT_FOUND {
        (ErrorKind::User, "aws_batch::not_found", "check `region`, `bucket`, `jobQueueArn` and `computeEnvironmentArn`".to_owned())
    } else if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        (ErrorKind::Environment, "aws_batch::unavailable", "try again later".to_owned())
    } else {
        (ErrorKind::User, "aws_batch::refused", "check the properties of the task runner".to_owned())
    };
    Error::new(kind, code, message).with_help(help)
}

/// The action in `… is not authorized to perform: batch:SubmitJob on resource: …`.
fn action(said: &str) -> Option<&str> {
    said.split("perform: ").nth(1)?.split_whitespace().next()
}

/// Whether the same request may be answered a moment later.
pub fn is_passing(error: &Error) -> bool {
    matches!(error.code.as_str(), "aws_batch::unreachable" | "aws_batch::throttled" | "aws_batch::unavailable")
}

/// Whether an error says that something is not there.
pub fn is_missing(error: &Error) -> bool {
    error.code == "aws_batch::not_found"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b15_answers_become_errors_with_a_remedy() {
        for (status, kind, text, code, help) in [
            (400, Some("ClientException:http://x"), r#"{"message":"wrong"}"#, "refused", "properties"),
            (400, None, r#"{"__type":"com.amazonaws.logs#ResourceNotFoundException","message":"no group"}"#, "not_found", "region"),
            (429, Some("TooManyRequestsException"), "{}", "throttled", "later"),
            (400, Some("ThrottlingException"), "{}", "throttled", "later"),
            (500, Some("ServerException"), "{}", "unavailable", "later"),
            (
                403,
                Some("AccessDeniedException"),
                r#"{"Message":"User: arn:x is not authorized to perform: batch:SubmitJob on resource: y"}"#,
                "forbidden",
                "batch:SubmitJob",
            ),
            (403, Some("ExpiredTokenException"), "{}", "expired_credentials", "sessionToken"),
            (
                403,
                None,
                "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>bad</Message></Error></ErrorResponse>",
                "unauthorized",
                "accessKeyId",
            ),
            (
                403,
                Some("InvalidSignatureException"),
                r#"{"message":"Signature expired: x is now earlier than y"}"#,
                "unauthorized",
                "clock",
            ),
            (502, None, "<html>", "unavailable", "later"),
        ] {
            let error = refused("testing", StatusCode::from_u16(status).unwrap(), kind, text);
            assert_eq!(error.code, format!("aws_batch::{code}"), "{error}");
            assert!(error.help.as_deref().unwrap().contains(help), "{error}");
        }
    }
}
