//! Refusals of Azure in words.

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use switchyard_plugin_api::{Error, ErrorKind};

/// The service takes no request whose time is further away than this, in seconds.
const SKEW: i64 = 15 * 60;

/// Azure's own code and words.
pub struct Said {
    pub code: String,
    pub message: String,
}

impl Said {
    /// Batch answers in JSON, Storage in XML.
    pub fn of(body: &str) -> Self {
        let between = |tag: &str| {
            let rest = body.split(&format!("<{tag}>")).nth(1)?;
            rest.split(&format!("</{tag}>")).next().map(str::to_owned)
        };
        match serde_json::from_str::<Value>(body) {
            Ok(answer) => {
                // Some gateways wrap it once more.
                let error = if answer["code"].is_string() { &answer } else { &answer["odata.error"] };
                let values = error["values"].as_array().into_iter().flatten();
                let details: Vec<String> =
                    values.filter_map(|pair| Some(format!("{}: {}", pair["key"].as_str()?, pair["value"].as_str()?))).collect();
                let message = error["message"]["value"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
                let message = if details.is_empty() { message.to_owned() } else { format!("{message} ({})", details.join("; ")) };
                Self { code: error["code"].as_str().unwrap_or_default().to_owned(), message }
            }
            Err(_) => Self {
                code: between("Code").unwrap_or_default(),
                message: between("Message")
                    .unwrap_or_else(|| body.chars().take(300).collect())
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            },
        }
    }
}

pub fn refused(what: &str, status: StatusCode, headers: &HeaderMap, body: &str) -> Error {
    let said = Said::of(body);
    let message = format!("while {what} Azure answered {} {}: {}", status.as_u16(), said.code, said.message.trim());
    let user = |code: &str, help: &str| Error::user(code, message.clone()).with_help(help);
    let environment = |code: &str, help: &str| Error::environment(code, message.clone()).with_help(help);
    match (status, said.code.as_str()) {
        (_, "AuthenticationFailed" | "InvalidAuthenticationInfo" | "Unauthorized") | (StatusCode::UNAUTHORIZED, _) => {
            match ahead(headers) {
                Some(seconds) if seconds.abs() > SKEW => {
                    let side = if seconds > 0 { "ahead of" } else { "behind" };
                    Error::environment(
                        "azure::clock",
                        format!("the host's clock is {} s {side} Azure's, which refuses its signatures", seconds.abs()),
                    )
                    .with_help("set the host's clock; a time service keeps it right")
                }
                _ => user(
                    "azure::unauthorized",
                    "check `account` and `accessKey`, or those of `blobStorage`; the key may have been changed in the portal",
                ),
            }
        }
        (StatusCode::FORBIDDEN, _) => user(
            "azure::forbidden",
            "the runner needs the Batch account's key or the role Azure Batch Data Contributor, and a key of the storage account",
        ),
        (_, "ActiveJobAndScheduleQuotaReached") => environment("azure::quota", "delete old jobs, or ask for a higher quota of active jobs"),
        (_, "RequestBodyTooLarge") | (StatusCode::PAYLOAD_TOO_LARGE, _) => {
            user("azure::too_large", "give the task fewer input files or a smaller environment; pack many files into an archive")
        }
        (_, "JobExists" | "TaskExists") => Error::new(ErrorKind::Task, "azure::exists", message).with_help("another job has this name"),
        (StatusCode::NOT_FOUND, _) => environment("azure::not_found", "check `endpoint`, `poolId` and `blobStorage.containerName`"),
        (StatusCode::CONFLICT, _) => {
            environment("azure::conflict", "something else happens to the job or the pool at the same time; try again")
        }
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => {
            environment("azure::overloaded", "try again later, or with fewer tasks at a time")
        }
        (status, _) if status.is_server_error() => environment("azure::overloaded", "try again later"),
        _ => user("azure::refused", "check the properties of the task runner"),
    }
}

/// How far the host's clock is ahead of the service's, in seconds.
fn ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get("date")?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(date).ok()?;
    Some(jiff::Timestamp::now().as_second() - theirs.as_second())
}

/// Whether an error says that something is not there.
pub fn is_missing(error: &Error) -> bool {
    error.code == "azure::not_found"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_codes_that_say_who_has_to_act() {
        let body =
            |code: &str| format!(r#"{{"code":"{code}","message":{{"value":"words\nRequestId:1"}},"values":[{{"key":"a","value":"b"}}]}}"#);
        for (status, azure, code, kind) in [
            (403, "AuthenticationFailed", "azure::unauthorized", ErrorKind::User),
            (401, "", "azure::unauthorized", ErrorKind::User),
            (403, "AuthorizationFailure", "azure::forbidden", ErrorKind::User),
            (409, "ActiveJobAndScheduleQuotaReached", "azure::quota", ErrorKind::Environment),
            (409, "JobExists", "azure::exists", ErrorKind::Task),
            (409, "JobBeingDeleted", "azure::conflict", ErrorKind::Environment),
            (413, "RequestBodyTooLarge", "azure::too_large", ErrorKind::User),
            (404, "PoolNotFound", "azure::not_found", ErrorKind::Environment),
            (429, "TooManyRequests", "azure::overloaded", ErrorKind::Environment),
            (503, "ServerBusy", "azure::overloaded", ErrorKind::Environment),
            (400, "InvalidPropertyValue", "azure::refused", ErrorKind::User),
        ] {
            let error = refused("asking", StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &body(azure));
            assert_eq!((error.code.as_str(), error.kind), (code, kind), "{azure}");
            assert!(error.message.contains("words (a: b)") && error.help.is_some(), "{error}");
        }
        let xml = "<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code><Message>No container.\nTime:x</Message></Error>";
        let error = refused("asking", StatusCode::NOT_FOUND, &HeaderMap::new(), xml);
        assert_eq!(error.message, "while asking Azure answered 404 ContainerNotFound: No container.");
    }

    #[test]
    fn z3_a_wrong_clock_is_named() {
        for (minutes, code) in [(0, "azure::unauthorized"), (10, "azure::unauthorized"), (20, "azure::clock"), (-20, "azure::clock")] {
            let theirs = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
            let date = theirs.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let headers: HeaderMap = [(reqwest::header::DATE, date.parse().unwrap())].into_iter().collect();
            let error = refused("asking", StatusCode::FORBIDDEN, &headers, r#"{"code":"AuthenticationFailed"}"#);
            assert_eq!(error.code, code, "{minutes}: {error}");
        }
    }
}
