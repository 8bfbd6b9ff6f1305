//! Who somebody is, and roles.

use super::{Aws, refuse};
use crate::fake::http::{Answer, Request};

impl Aws {
    pub(super) fn sts(&self, action: &str, request: &Request) -> Answer {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let field = |name: &str| {
            let value = form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
            Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        match action {
            "GetCallerIdentity" => xml("<Arn>arn:aws:iam::123456789012:user/test</Arn>"),
            "AssumeRole" => {
                let arn = field("RoleArn").unwrap();
                let seconds: u64 = field("DurationSeconds").unwrap().parse().unwrap();
                if !(900..=43_200).contains(&seconds) || field("RoleSessionName").is_none() {
                    return refuse(400, "ValidationError", "wrong duration or name");
                }
                if arn.ends_with("/external") && field("ExternalId").as_deref() != Some("x-1") {
                    return refuse(403, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: it");
                }
                let mut state = self.state();
                let number = state.count();
                let (key, secret, token) = (format!("ASIA{number}"), format!("secret{number}"), format!("token+{number}/=="));
                state.keys.insert(key.clone(), (secret.clone(), Some(token.clone())));
                xml(&format!(
                    "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken></Credentials>"
                ))
            }
            _ => refuse(400, "InvalidAction", action),
        }
    }
}

fn xml(content: &str) -> Answer {
    Answer { status: 200, body: format!("<Response>{content}</Response>").into_bytes(), headers: Vec::new() }
}
