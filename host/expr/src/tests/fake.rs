//! A host that answers the same every time.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::{Host, HostError, HttpCall};

#[derive(Default)]
pub(super) struct Fake {
    pub(super) disclosed: Mutex<Vec<String>>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Fake {
    fn asked(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
}

impl Host for Fake {
    /// 2024-05-17T08:30:15.123456Z, a Friday.
    fn now(&self) -> i128 {
        1_715_934_615_123_456_000
    }
    fn time_zone(&self) -> Option<&str> {
        Some("UTC")
    }
    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        for (byte, value) in bytes.iter_mut().zip(1u8..) {
            *byte = value;
        }
        Ok(())
    }
    fn secret(&self, key: &str, namespace: Option<&str>, subkey: Option<&str>) -> Result<String, HostError> {
        self.asked(format!("{key} {namespace:?} {subkey:?}"));
        match (key, subkey) {
            ("AWS_ACCESS_KEY", None) => Ok("hidden".to_owned()),
            ("DB", None) => Ok(r#"{"user": "u", "password": "p"}"#.to_owned()),
            ("DB", Some("password")) => Ok("p".to_owned()),
            _ => Err(HostError::Missing(format!("there is no secret `{key}`"))),
        }
    }
    fn disclosed(&self, secret: &str) {
        self.disclosed.lock().unwrap().push(secret.to_owned());
    }
    fn kv(&self, key: &str, namespace: Option<&str>) -> Result<Value, HostError> {
        match key {
            "known" => Ok(json!({"in": namespace, "n": 1})),
            "broken" => Err(HostError::Failed("the store is down".to_owned())),
            _ => Err(HostError::Missing(format!("there is no key `{key}`"))),
        }
    }
    fn read(&self, path: &str, _: Option<&str>) -> Result<String, HostError> {
        Ok(format!("<{path}>"))
    }
    fn file_uri(&self, path: &str, namespace: Option<&str>) -> Result<String, HostError> {
        Ok(format!("kestra:///{}/_files/{path}", namespace.unwrap_or("ns")))
    }
    fn file_size(&self, path: &str, _: Option<&str>) -> Result<u64, HostError> {
        Ok(path.len() as u64)
    }
    fn file_exists(&self, path: &str, _: Option<&str>) -> Result<bool, HostError> {
        Ok(path == "there")
    }
    fn error_logs(&self) -> Result<Value, HostError> {
        Ok(json!([{"message": "boom"}]))
    }
    fn tasks_with_state(&self, state: &str) -> Result<Value, HostError> {
        Ok(json!([{"taskId": "t", "state": state}]))
    }
    fn http(&self, call: &HttpCall) -> Result<Value, HostError> {
        Ok(json!({"uri": call.uri, "method": call.method, "accept": call.accept}))
    }
    fn env(&self, name: &str) -> Result<String, HostError> {
        if name == "HOME" { Ok("/home".to_owned()) } else { Err(HostError::Missing(name.to_owned())) }
    }
    fn random_port(&self) -> Result<u16, HostError> {
        Ok(4242)
    }
    fn public_holiday(&self, date: &str, country: Option<&str>, _: Option<&str>) -> Result<bool, HostError> {
        Ok(date == "2024-12-25" && country == Some("DE"))
    }
}
