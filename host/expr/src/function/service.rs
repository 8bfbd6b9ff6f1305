//! Functions that the host answers.

use serde_json::Value;

use super::{Function, function};
use crate::crypto;
use crate::error::Outcome;
use crate::eval::{Call, Param, from_host};
use crate::host::HttpCall;
use crate::val::Val;

const PATH: &[Param] = &[Param::required("path"), Param::optional("namespace")];

pub(super) static FUNCTIONS: &[Function] = &[
    function(
        "secret",
        &[Param::required("key"), Param::optional("namespace"), Param::optional("subkey"), Param::optional("full")],
        "A secret; `subkey` picks from one that is a JSON object, `full` gives all of it as a map.",
        secret,
    ),
    function(
        "kv",
        &[Param::required("key"), Param::optional("namespace"), Param::optional("errorOnMissing")],
        "A value of the key-value store.",
        |call| {
            let found = from_host(call.render.host.kv(&call.need_text(0)?, call.text(1).as_deref()));
            match found {
                Err(fault) if fault.code.is_missing() && call.flag(2)? == Some(false) => Ok(Val::Null),
                found => found.map(Val::owned),
            }
        },
    ),
    function("read", PATH, "The text of a file of this execution, or of a namespace file.", |call| {
        let text = from_host(call.render.host.read(&call.need_text(0)?, call.text(1).as_deref()))?;
        call.render.text(text)
    }),
    function("fileURI", PATH, "The URI of a namespace file.", |call| {
        from_host(call.render.host.file_uri(&call.need_text(0)?, call.text(1).as_deref())).map(Val::text)
    }),
    function("fileSize", PATH, "The size of a file in bytes.", |call| Ok(Val::Int(size(call)?.into()))),
    function("fileExists", PATH, "Whether a file exists.", |call| {
        from_host(call.render.host.file_exists(&call.need_text(0)?, call.text(1).as_deref())).map(Val::Bool)
    }),
    function("isFileEmpty", PATH, "Whether a file has no bytes.", |call| Ok(Val::Bool(size(call)? == 0))),
    function("errorLogs", &[], "The error log entries of this execution.", |call| from_host(call.render.host.error_logs()).map(Val::owned)),
    function("tasksWithState", &[Param::required("state")], "The task runs that are in a state.", |call| {
        from_host(call.render.host.tasks_with_state(&call.need_text(0)?)).map(Val::owned)
    }),
    function(
        "http",
        &[
            Param::required("uri"),
            Param::optional("method"),
            Param::optional("query"),
            Param::optional("body"),
            Param::optional("contentType"),
            Param::optional("headers"),
            Param::optional("options"),
            Param::optional("accept"),
        ],
        "The parsed body of an HTTP answer.",
        |call| {
            let json = |index| call.arg(index).to_json();
            let request = HttpCall {
                uri: call.need_text(0)?,
                method: call.text(1).unwrap_or_else(|| "GET".to_owned()),
                query: json(2),
                body: json(3),
                content_type: call.text(4),
                headers: json(5),
                options: json(6),
                accept: call.text(7),
            };
            from_host(call.render.host.http(&request)).map(Val::owned)
        },
    ),
    function("env", &[Param::required("name"), Param::optional("default")], "An environment variable of the host, or a default.", |call| {
        match from_host(call.render.host.env(&call.need_text(0)?)) {
            Err(fault) if fault.code.is_missing() && call.given(1) => Ok(call.arg(1)),
            found => found.map(Val::text),
        }
    }),
    function(
        "encrypt",
        &[Param::required("key"), Param::required("plaintext")],
        "AES-GCM of a text, by a key of 16 or 32 bytes in Base64.",
        |call| crypto::encrypt(call.render.host, &call.need_text(0)?, &call.need_text(1)?).map(Val::text),
    ),
    function("decrypt", &[Param::required("key"), Param::required("encrypted")], "The text of an AES-GCM encryption.", |call| {
        let plain = crypto::decrypt(&call.need_text(0)?, &call.need_text(1)?)?;
        call.render.host.disclosed(&plain);
        Ok(Val::text(plain))
    }),
    function("randomPort", &[], "A free TCP port.", |call| from_host(call.render.host.random_port()).map(|port| Val::Int(port.into()))),
    function(
        "subflow",
        &[
            Param::required("namespace"),
            Param::required("id"),
            Param::optional("inputs"),
            Param::optional("revision"),
            Param::optional("labels"),
            Param::optional("timeout"),
        ],
        "Runs a flow and gives its outputs; in input forms only.",
        |call| {
            let names = ["namespace", "id", "inputs", "revision", "labels", "timeout"];
            let given = names.iter().enumerate().filter(|(index, _)| call.given(*index));
            let arguments = given.map(|(index, name)| ((*name).to_owned(), call.arg(index).to_json())).collect();
            from_host(call.render.host.subflow(&Value::Object(arguments))).map(Val::owned)
        },
    ),
];

fn size(call: &Call<'_, '_>) -> Outcome<u64> {
    from_host(call.render.host.file_size(&call.need_text(0)?, call.text(1).as_deref()))
}

fn secret<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let host = call.render.host;
    let text = from_host(host.secret(&call.need_text(0)?, call.text(1).as_deref(), call.text(2).as_deref()))?;
    host.disclosed(&text);
    if call.flag(3)? != Some(true) {
        return call.render.text(text);
    }
    let Ok(Value::Object(parts)) = serde_json::from_str::<Value>(&text) else { return Ok(Val::text(text)) };
    for part in parts.values() {
        if let Value::String(part) = part {
            host.disclosed(part);
        }
    }
    Ok(Val::owned(Value::Object(parts)))
}
