use serde_json::{Value, json};
use switchyard_plugin_api::{DynTaskRunner, Files, RunRequest, TypedRunner};

use crate::{container, runner::Docker};

fn request(properties: Value) -> RunRequest {
    serde_json::from_value(json!({
        "task": {
            "key": "ex-tr-0",
            "labels": { "kestra.io/flow-id": "flow" },
        },
        "properties": properties,
        "command": {
            "argv": ["/bin/sh", "-c", "echo"],
            "env": { "A": "1" },
            "image": "ghcr.io/org/img",
        },
        "files": { "workingDir": "/nonexistent/wd", "outputDir": "out", "outputs": [] },
    }))
    .unwrap()
}

async fn preview(request: RunRequest) -> (Value, Vec<String>) {
    let preview = TypedRunner::new(Docker).preview(request).await.unwrap();
    (preview.document, preview.notes)
}

#[tokio::test]
async fn the_least_container() {
    let (document, notes) = preview(request(json!({}))).await;
    insta::assert_json_snapshot!(document, @r#"
    {
      "Name": "switchyard-ex-tr-0",
      "AttachStdout": true,
      "AttachStderr": true,
      "Env": [
        "A=1",
        "OUTPUT_DIR=/nonexistent/wd/out",
        "WORKING_DIR=/nonexistent/wd"
      ],
      "Cmd": [
        "/bin/sh",
        "-c",
        "echo"
      ],
      "Image": "ghcr.io/org/img:latest",
      "WorkingDir": "/nonexistent/wd",
      "Entrypoint": [
        ""
      ],
      "Labels": {
        "kestra.io/flow-id": "flow",
        "switchyard.run/key": "ex-tr-0"
      },
      "HostConfig": {
        "Init": true,
        "Mounts": [
          {
            "Target": "/nonexistent/wd",
            "Type": "volume",
            "VolumeOptions": {
              "NoCopy": true,
              "Labels": {
                "kestra.io/flow-id": "flow",
                "switchyard.run/key": "ex-tr-0"
              }
            }
          }
        ]
      }
    }
    "#);
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn docker_d26_every_property_has_its_place() {
    let (document, notes) = preview(request(json!({
        "image": "org/legacy:1",
        "user": 1000,
        "entryPoint": [],
        "extraHosts": ["a:1.2.3.4"],
        "networkMode": "host",
        "portBindings": ["8080:80", "127.0.0.1:8081:80", "53:53/udp"],
        "volumes": ["/a:/b"],
        "deviceRequests": [{ "driver": "nvidia", "count": -1, "capabilities": [["gpu"]], "options": { "a": "b" } }],
        "cpu": { "cpus": "0.5" },
        "memory": {
            "memory": "1GB", "memorySwap": -1, "memorySwappiness": 10, "memoryReservation": "512M", "kernelMemory": "1GB", "oomKillDisable": "true",
        },
        "shmSize": "64m",
        "privileged": "true",
        "fileHandlingStrategy": "MOUNT",
        "init": false,
        "runtime": "runsc",
    })))
    .await;
    assert_eq!((&document["Image"], &document["User"], &document["Entrypoint"]), (&json!("org/legacy:1"), &json!("1000"), &json!([])));
    let host: std::collections::BTreeMap<String, Value> = serde_json::from_value(document["HostConfig"].clone()).unwrap();
    insta::assert_json_snapshot!(host, @r#"
    {
      "Binds": [
        "/nonexistent/wd:/nonexistent/wd:rw"
      ],
      "DeviceRequests": [
        {
          "Driver": "nvidia",
          "Count": -1,
          "Capabilities": [
            [
              "gpu"
            ]
          ],
          "Options": {
            "a": "b"
          }
        }
      ],
      "ExtraHosts": [
        "a:1.2.3.4"
      ],
      "Memory": 1073741824,
      "MemoryReservation": 536870912,
      "MemorySwap": -1,
      "MemorySwappiness": 10,
      "NanoCpus": 500000000,
      "NetworkMode": "host",
      "OomKillDisable": true,
      "PortBindings": {
        "53/udp": [
          {
            "HostPort": "53"
          }
        ],
        "80/tcp": [
          {
            "HostPort": "8080"
          },
          {
            "HostIp": "127.0.0.1",
            "HostPort": "8081"
          }
        ]
      },
      "Privileged": true,
      "Runtime": "runsc",
      "ShmSize": 67108864
    }
    "#);
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn names_are_what_engines_allow() {
    for (key, name) in [("ex-tr-0", "switchyard-ex-tr-0"), ("a/b c:ü", "switchyard-a-b-c--"), ("", "switchyard-")] {
        assert_eq!(container::name(key), name);
    }
}

#[test]
fn docker_d25_the_administrator_decides() {
    for (config, allowed) in [
        (json!(null), false),
        (json!({}), false),
        (json!({ "volume-enabled": true }), true),
        (json!({ "volumeEnabled": true }), true),
        (json!({ "volume-enabled": "true" }), true),
        (json!({ "volume-enabled": false }), false),
        (json!({ "volume-enabled": 1 }), false),
    ] {
        assert_eq!(container::volumes_allowed(&config), allowed, "{config}");
    }
}

#[test]
fn problems_are_found_before_a_run() {
    let runner = TypedRunner::new(Docker);
    for (properties, property) in [
        (json!({ "host": "engine:2375" }), Some("/host")),
        (json!({ "host": "{{ vars.host }}" }), None),
        (json!({ "image": "Not An Image" }), Some("/image")),
        (json!({ "volumes": ["/a:/b", "/a"] }), Some("/volumes/1")),
        (json!({ "volumes": ["{{ vars.dir }}"] }), None),
        (json!({ "portBindings": ["80"] }), Some("/portBindings/0")),
        (json!({ "config": "{" }), Some("/config")),
        (json!({ "config": "{{ secret('C') }}" }), None),
        (json!({ "memory": { "memory": "1MB" } }), Some("/memory/memory")),
        (json!({ "memory": { "memory": "1GB", "memorySwap": "512MB" } }), Some("/memory/memorySwap")),
        (json!({ "memory": { "memory": "1GB", "memorySwap": -1 } }), None),
        (json!({ "memory": { "memorySwappiness": 101 } }), Some("/memory/memorySwappiness")),
        (json!({ "pullPolicy": ["ALWAYS", "IF_NOT_PRESENT"] }), None),
    ] {
        let problems = runner.validate(&properties).unwrap();
        assert_eq!(problems.first().map(|p| p.property.as_str()), property, "{properties}: {problems:?}");
    }
    for properties in
        [json!({ "cpuss": 1 }), json!({ "cpu": { "cpus": 0 } }), json!({ "pullPolicy": "SOMETIMES" }), json!({ "shmSize": "64x" })]
    {
        assert!(runner.validate(&properties).is_err(), "{properties}");
    }
}

#[test]
fn the_schema_marks_secrets_and_describes_everything() {
    let component = TypedRunner::new(Docker).component();
    let properties = component.schema["properties"].as_object().unwrap();
    for (name, schema) in properties {
        assert!(schema["description"].as_str().is_some_and(|d| !d.is_empty()), "{name} has no description");
    }
    assert_eq!(properties["config"]["x-secret"], true);
    let credentials = serde_json::to_string(&properties["credentials"]).unwrap();
    assert_eq!(credentials.matches("x-secret").count(), 4);
    assert_eq!(component.schema["additionalProperties"], false);
    assert_eq!(
        component.description.aliases,
        ["io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", "io.kestra.core.models.script.types.DockerTaskRunner"]
    );
}

#[test]
fn the_working_directory_is_the_same_inside_and_outside() {
    let files = Files { working_dir: "/data/wd".into(), output_dir: Some("o".into()), ..Files::default() };
    let paths = TypedRunner::new(Docker).paths(&json!({}), &files).unwrap();
    assert_eq!((paths.working_dir.as_str(), paths.output_dir.as_deref()), ("/data/wd", Some("/data/wd/o")));
}

#[test]
fn what_linux_does_not_pass_on_is_refused_before_a_container_is_made() {
    let long = "x".repeat(128 << 10);
    let (fits, variable) = (&long[1..], format!("A={}", &long[2..]));
    for (argv, env, told) in [
        (vec!["sh", "-c", fits], vec![], None),
        (vec!["sh", "-c", &long], vec![], Some("argument 2 of the command has 131072 bytes")),
        (vec![], vec![variable.as_str()], Some("the variable A has 131072 bytes")),
    ] {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let result = container::check_length(&owned(argv), &owned(env));
        assert_eq!(result.err().map(|failure| failure.to_string().split(';').next().unwrap().to_owned()), told.map(str::to_owned));
    }
}
