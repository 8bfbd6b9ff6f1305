//! Against a server of the test's own that answers what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

use serde_json::json;

use crate::support::Host;

/// Echoes requests; paths choose the answer. Gives its address.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body);
    let path = head.split_whitespace().nth(1)?.split('?').next()?.to_owned();
    let (status, headers, body) = match path.as_str() {
        "/404" => ("404 Not Found", "", "nothing here".to_owned()),
        "/redirect" => ("302 Found", "Location: /json\r\n", String::new()),
        "/json" => ("200 OK", "Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n", r#"{"n": [1, 2]}"#.to_owned()),
        "/empty" => ("200 OK", "", String::new()),
        "/file" => ("200 OK", "Content-Disposition: attachment; filename=\"../r\u{e4}port.csv\"\r\n", "a,b\n".to_owned()),
        "/latin" => ("200 OK", "Content-Type: text/plain; charset=ISO-8859-1\r\n", "plain".to_owned()),
        "/hang" => {
            // Until the other side has had enough.
            let _ = reader.read(&mut [0]);
            return None;
        }
        _ => ("200 OK", "", format!("{head}\n{body}")),
    };
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_send_what_their_properties_say_4_4() {
    let address = server();
    let ran = Host::default()
        .run(&format!(
            r#"  - {{id: get, type: io.kestra.plugin.fs.http.Request, uri: "{address}/json"}}
  - {{id: use, type: io.kestra.plugin.core.debug.Return, format: "{{{{ fromJson(outputs.get.body).n[1] }}}} {{{{ outputs.get.code }}}}"}}
  - {{id: post, type: io.kestra.plugin.core.http.Request, uri: "{address}/echo", method: POST, body: "{{{{ {{'a': flow.id}} }}}}", params: {{q: [1, "x y"]}}, headers: {{X-Own: "{{{{ flow.id }}}}"}}, options: {{auth: {{type: BASIC, username: u, password: p}}}}}}
  - {{id: form, type: io.kestra.plugin.core.http.Request, uri: "{address}/echo", method: PUT, formData: {{a: "1", b: "x y"}}}}
  - {{id: w, type: io.kestra.plugin.core.storage.Write, content: "file content", extension: .csv}}
  - {{id: multi, type: io.kestra.plugin.core.http.Request, uri: "{address}/echo", method: POST, contentType: multipart/form-data, formData: {{a: "1", f: "{{{{ outputs.w.uri }}}}", g: {{name: own.txt, content: "{{{{ outputs.w.uri }}}}"}}}}}}
  - {{id: bearer, type: io.kestra.plugin.core.http.Request, uri: "{address}/echo", options: {{auth: {{type: BEARER, token: tok}}}}}}
  - {{id: redirect, type: io.kestra.plugin.core.http.Request, uri: "{address}/redirect"}}
  - {{id: stay, type: io.kestra.plugin.core.http.Request, uri: "{address}/redirect", options: {{followRedirects: false}}}}
  - {{id: refused, type: io.kestra.plugin.core.http.Request, uri: "{address}/404", allowFailed: true}}
  - {{id: sealed, type: io.kestra.plugin.core.http.Request, uri: "{address}/json", encryptBody: true}}
  - {{id: open, type: io.kestra.plugin.core.execution.Assert, conditions: ["{{{{ fromJson(outputs.sealed.encryptedBody).n[0] == 1 }}}}"]}}
  - {{id: call, type: io.kestra.plugin.core.debug.Return, format: "{{{{ http('{address}/json').n[0] }}}} {{{{ http(uri='{address}/echo', method='POST', body={{'k': 1}}, headers={{'X-A': 'b'}}) contains 'x-a: b' }}}}"}}
"#
        ))
        .await
        .expect("SUCCESS");
    assert_eq!(ran.outputs("get")["headers"]["x-two"], json!(["a", "b"]));
    assert_eq!(ran.outputs("use")["value"], "2 200");
    let body = |task: &str| ran.outputs(task)["body"].as_str().unwrap().to_owned();
    for (task, expected) in [
        ("post", vec!["POST /echo?q=1&q=x+y ", "x-own: t", "authorization: Basic dTpw", "content-type: application/json", r#"{"a":"t"}"#]),
        ("form", vec!["PUT /echo ", "application/x-www-form-urlencoded", "a=1&b=x+y"]),
        ("multi", vec!["multipart/form-data; boundary=", "name=\"a\"", "filename=\"content.csv\"", "filename=\"own.txt\"", "file content"]),
        ("bearer", vec!["authorization: Bearer tok", "user-agent: Switchyard/"]),
        ("redirect", vec!["[1, 2]"]),
        ("refused", vec!["nothing here"]),
    ] {
        for part in expected {
            assert!(body(task).contains(part), "{task}: {part} is not in {}", body(task));
        }
    }
    assert_eq!((&ran.outputs("stay")["code"], &ran.outputs("refused")["code"]), (&json!(302), &json!(404)));
    let sealed = ran.outputs("sealed");
    assert!(sealed.get("body").is_none() && sealed["encryptedBody"]["value"].is_string(), "{sealed}");
    assert_eq!(ran.outputs("call")["value"], "1 true");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_a_request_is_said_4_4() {
    let address = server();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (uri, more, expected) in [
        (format!("{address}/404"), "", "answered 404: nothing here"),
        (format!("{address}/json"), ", options: {maxContentLength: 5}", "http::too_long"),
        (format!("{address}/hang"), ", options: {timeout: {readIdleTimeout: PT0.1S}}", "http::timeout"),
        (format!("{address}/hang"), ", timeout: PT0.1S", "Timeout after"),
        (format!("http://{free}/"), "", "http::unreachable"),
        ("no address".to_owned(), "", "http::invalid"),
        (format!("{address}/x"), ", method: \"A B\"", "http::invalid"),
        (format!("{address}/x"), ", options: {auth: {type: BASIC}, proxy: {address: 127.0.0.1, port: 1}}", "http::unreachable"),
    ] {
        let ran = Host::default()
            .run(&format!("  - {{id: x, type: io.kestra.plugin.core.http.Request, uri: \"{uri}\"{more}}}\n"))
            .await
            .expect("FAILED");
        assert!(ran.said("x").concat().contains(expected), "{uri}{more}: {:#?}", ran.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_become_files_4_4() {
    let address = server();
    let ran = Host::default()
        .run(&format!(
            r#"  - {{id: file, type: io.kestra.plugin.core.http.Download, uri: "{address}/file"}}
  - {{id: named, type: io.kestra.plugin.core.http.Download, uri: "{address}/json", saveAs: my.json}}
  - {{id: read, type: io.kestra.plugin.core.debug.Return, format: "{{{{ read(outputs.file.uri) }}}}"}}
  - {{id: may, type: io.kestra.plugin.core.http.Download, uri: "{address}/empty", failOnEmptyResponse: false}}
  - {{id: empty, type: io.kestra.plugin.core.http.Download, uri: "{address}/empty", allowFailure: true}}
  - {{id: refused, type: io.kestra.plugin.core.http.Download, uri: "{address}/404"}}
"#
        ))
        .await
        .expect("FAILED");
    assert!(ran.outputs("file")["uri"].as_str().unwrap().ends_with("port.csv"), "{}", ran.outputs("file"));
    assert_eq!((&ran.outputs("file")["length"], &ran.outputs("may")["length"]), (&json!(4), &json!(0)));
    assert!(ran.outputs("named")["uri"].as_str().unwrap().ends_with("/my.json"));
    assert_eq!(ran.outputs("read")["value"], "a,b\n");
    assert!(ran.said("empty")[0].contains("http::empty") && ran.said("refused")[0].contains("answered 404"), "{:#?}", ran.log);
}
