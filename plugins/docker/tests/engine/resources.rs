//! What the container is given, as the engine sees it.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::setup::{IMAGE, Setup, lines, none, runner};

/// Runs a command that waits, looks at the container, and ends it.
async fn inspected(properties: Value, config: Value) -> (Value, Vec<String>) {
    let mut setup = Setup::new("echo up; sleep 1000", properties);
    setup.request.config = config;
    let running = setup.spawn();
    // A run that ends before has failed.
    setup.host.until("the command runs", |h| h.stdout() == "up\n" || running.is_finished()).await;
    if running.is_finished() {
        panic!("{:?}", running.await);
    }
    let (found, warnings) = (setup.inspect(), setup.host.warnings());
    setup.kill(running).await;
    setup.assert_gone();
    (found, warnings)
}

#[tokio::test]
pub async fn docker_d16_limits_reach_the_cgroup() {
    // Where the limits are depends on the version of cgroups.
    let script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/memory/memory.limit_in_bytes \
        2>/dev/null || cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max";
    for memory in ["512Mi", "512MB", "0.5GB"] {
        let setup = Setup::new(script, json!({ "cpu": { "cpus": 1.5 }, "memory": { "memory": memory } }));
        assert_eq!(setup.run().await.unwrap().exit_code, 0);
        let numbers: Vec<String> = setup.host.stdout().split_whitespace().map(str::to_owned).collect();
        assert_eq!(numbers, ["150000", "100000", "536870912"], "{memory}");
    }
}

#[tokio::test]
pub async fn docker_d17_out_of_memory_is_told_apart() {
    let properties = json!({ "memory": { "memory": "16MB", "memorySwap": "16MB" } });
    let setup = Setup::new("exec tail /dev/zero", properties);
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 137);
    assert_eq!(outcome.reason, Some(switchyard_plugin_api::FailureReason::OutOfMemory));
    assert_eq!(outcome.message.as_deref(), Some("out of memory: the limit is 16 MiB (memory.memory)"));
}

#[tokio::test]
pub async fn docker_d17_a_kill_from_outside_is_told_apart() {
    let setup = Setup::new("kill -9 $$", none());
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (137, Some(switchyard_plugin_api::FailureReason::KilledOutside)));
}

#[tokio::test]
pub async fn docker_d25_volumes_need_the_administrator() {
    let shared = tempfile::tempdir().unwrap();
    let properties = json!({ "volumes": [format!("{}:/shared:ro", shared.path().display())] });
    let (found, warnings) = inspected(properties.clone(), Value::Null).await;
    let mounted = |found: &Value| found["Mounts"].as_array().unwrap().iter().any(|mount| mount["Destination"] == "/shared");
    assert!(!mounted(&found), "{found}");
    assert!(warnings.len() == 1 && warnings[0].contains("volume-enabled"), "{warnings:?}");
    for config in [json!({ "volume-enabled": true }), json!({ "volumeEnabled": "true" })] {
        let (found, warnings) = inspected(properties.clone(), config).await;
        assert!(mounted(&found), "{found}");
        assert_eq!(warnings, Vec::<String>::new());
    }
}

#[tokio::test]
pub async fn docker_d26_every_property_reaches_the_engine() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (found, _) = inspected(
        json!({
            "portBindings": [format!("127.0.0.1:{port}:80/tcp")],
            "extraHosts": ["db:10.1.2.3"],
            "shmSize": "128MB",
            "pidsLimit": 100,
            "capDrop": ["NET_RAW"],
            "securityOpt": ["no-new-privileges"],
            "tmpfs": { "/scratch": "size=1m" },
            "stopSignal": "SIGINT",
            "user": "0:0",
        }),
        Value::Null,
    )
    .await;
    let host = &found["HostConfig"];
    assert_eq!(host["PortBindings"], json!({ "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] }));
    assert_eq!(found["Config"]["ExposedPorts"], json!({ "80/tcp": {} }));
    assert_eq!(host["ExtraHosts"], json!(["db:10.1.2.3"]));
    assert_eq!(host["ShmSize"], 128 << 20);
    assert_eq!(host["PidsLimit"], 100);
    assert_eq!(host["CapDrop"], json!(["NET_RAW"]));
    assert_eq!(host["SecurityOpt"][0], "no-new-privileges");
    assert_eq!(host["Tmpfs"], json!({ "/scratch": "size=1m" }));
    assert_eq!(host["Init"], true);
    assert_eq!(found["Config"]["StopSignal"], "SIGINT");
    assert_eq!(found["Config"]["User"], "0:0");
    let (found, _) = inspected(json!({ "networkMode": "none" }), Value::Null).await;
    assert_eq!(found["HostConfig"]["NetworkMode"], "none");
}

#[tokio::test]
pub async fn docker_d26_devices_without_a_driver_are_explained() {
    let setup = Setup::new("true", json!({ "deviceRequests": [{ "driver": "no-such", "count": -1, "capabilities": [["gpu"]] }] }));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("docker::no_device", Some("/deviceRequests")));
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d26_a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let setup = Setup::new("true", json!({ "portBindings": [format!("127.0.0.1:{port}:80")] }));
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "docker::port_taken", "{error}");
    assert!(error.message.contains(&format!("{port}:80/tcp")), "{error}");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d27_labels_are_on_container_and_volume() {
    let mut setup = Setup::new("echo up; sleep 1000", none()).outputs(&["x"]);
    setup.request.task.labels.insert("kestra.io/namespace".into(), "n".repeat(63));
    let running = setup.spawn();
    setup.host.until("the command runs", |h| h.stdout() == "up\n").await;
    let labels = setup.inspect()["Config"]["Labels"].clone();
    for (name, value) in &setup.request.task.labels {
        assert_eq!(labels[name], *value);
    }
    assert_eq!(setup.inspect()["Name"], format!("/switchyard-{}", setup.key()));
    // Podman puts no labels on the volume of a container.
    if !crate::setup::is_podman() {
        let volume = setup.volumes();
        assert_eq!(volume.len(), 1);
        let text = crate::setup::docker(&["volume", "inspect", &volume[0]]);
        let volume: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(volume[0]["Labels"], labels);
    }
    setup.kill(running).await;
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d16_limits_that_the_machine_does_not_have_are_explained() {
    let setup = Setup::new("true", json!({ "cpu": { "cpus": 4096 } }));
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "docker::invalid_limits", "{error}");
    assert!(error.message.contains("CPUs"), "{error}");
    setup.assert_gone();
}

#[tokio::test]
pub async fn a_preview_is_what_a_run_creates() {
    let setup = Setup::new("echo up; sleep 1000", json!({ "cpu": { "cpus": 0.5 }, "memory": { "memory": "64MB" } })).outputs(&["x"]);
    let preview = runner().preview(setup.request.clone()).await.unwrap();
    let running = setup.spawn();
    setup.host.until("the command runs", |h| h.stdout() == "up\n").await;
    let found = setup.inspect();
    setup.kill(running).await;
    let document = &preview.document;
    assert_eq!(preview.kind, "container");
    assert_eq!((&document["Image"], &document["Cmd"]), (&json!(IMAGE), &json!(["/bin/sh", "-c", "echo up; sleep 1000"])));
    for field in ["Cmd", "Env", "Labels", "WorkingDir"] {
        let (shown, real) = (&document[field], &found["Config"][field]);
        match shown {
            // The engine adds the image's own variables.
            Value::Array(items) if field == "Env" => assert!(items.iter().all(|i| real.as_array().unwrap().contains(i))),
            _ => assert_eq!(shown, real, "{field}"),
        }
    }
    for field in ["NanoCpus", "Memory", "Init"] {
        assert_eq!(document["HostConfig"][field], found["HostConfig"][field], "{field}");
    }
    assert_eq!(document["HostConfig"]["Mounts"][0]["Target"], found["Mounts"][0]["Destination"]);
    assert_eq!(lines(&format!("/{}", document["Name"].as_str().unwrap())), [found["Name"].as_str().unwrap()]);
}
