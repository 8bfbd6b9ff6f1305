//! What is asked of Azure: names, bodies, and what is refused before anything is asked.

use serde_json::{Value, json};

use crate::{
    fake::{CONTAINER, KEY, POOL, STORAGE, STORAGE_KEY},
    setup::{Setup, TYPE, runner},
};

async fn task(setup: &Setup) -> Value {
    setup.preview().await["requests"][1]["body"]["value"][0].clone()
}

#[test]
fn z1_every_name_means_it_and_endpoint_and_pool_are_required() {
    let manifest = switchyard_plugin_azure::plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name == TYPE).unwrap();
    for alias in [
        "io.kestra.plugin.azure.runner.AzureBatchTaskRunner",
        "io.kestra.plugin.ee.azure.runner.Batch",
        "io.kestra.plugin.ee.azure.runner.AzureBatchTaskRunner",
        "io.kestra.plugin.azure.ee.runner.Batch",
    ] {
        assert!(component.description.aliases.iter().any(|known| known == alias), "{alias}");
    }
    assert_eq!(component.schema["required"], json!(["endpoint", "poolId"]));
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn z2_storage_is_there_only_when_it_is_complete() {
    for (storage, complete) in [
        (json!({ "containerName": "c", "connectionString": "AccountName=a;AccountKey=a2V5" }), true),
        (json!({ "containerName": "c", "endpoint": "https://a", "sharedKeyAccountName": "a", "sharedKeyAccountAccessKey": "a2V5" }), true),
        (json!({ "containerName": "c", "endpoint": "https://a", "sharedKeyAccountName": "a" }), false),
        (json!({ "containerName": "c" }), false),
        (json!({ "connectionString": "AccountName=a;AccountKey=a2V5" }), false),
        (json!({}), false),
        (Value::Null, false),
    ] {
        let setup = Setup::new("true").with("blobStorage", storage.clone()).outputs(&["*.txt"]);
        let paths = runner().paths(&setup.request.properties, &setup.request.files).unwrap();
        assert_eq!(!paths.working_dir.is_empty(), complete, "{storage}");
        if !complete {
            let error = setup.run().await.unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.property.as_deref()),
                ("azure_batch::storage_required", Some("/blobStorage")),
                "{storage}"
            );
            assert!(setup.azure.state().requests.is_empty());
        }
    }
    let setup = Setup::new("true").without("blobStorage").input("in", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.warnings().iter().any(|words| words.contains("stay on the host")), "{:?}", setup.host.warnings());
}

#[tokio::test]
async fn z2_both_ways_to_the_storage_lead_there() {
    let setup = Setup::new("cat in").input("in", "read");
    let endpoint = format!("{}/{STORAGE}", setup.azure.address());
    let storage = json!({ "containerName": CONTAINER, "endpoint": endpoint, "sharedKeyAccountName": STORAGE, "sharedKeyAccountAccessKey": STORAGE_KEY });
    let setup = setup.with("blobStorage", storage);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "read");
    setup.assert_gone();
}

#[tokio::test]
async fn z4_the_job_names_its_pool_and_its_task() {
    let mut setup = Setup::new("x");
    for (namespace, flow) in [("company.team", "flow".to_owned()), ("9.Ü", "Odd_Flow.".repeat(20))] {
        setup.request.task.namespace = namespace.to_owned();
        setup.request.task.flow_id = flow;
        let shown = setup.preview().await;
        let job = &shown["requests"][0]["body"];
        assert_eq!(job["poolInfo"], json!({ "poolId": POOL }));
        let id = job["id"].as_str().unwrap();
        assert!(id.len() <= 59 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{id}");
        let names: Vec<&str> = job["metadata"].as_array().unwrap().iter().map(|pair| pair["name"].as_str().unwrap()).collect();
        for name in ["namespace", "flow-id", "task-id", "execution-id", "taskrun-id", "taskrun-attempt"] {
            assert!(names.contains(&format!("kestra-{name}").as_str()), "{names:?}");
        }
        assert_eq!(shown["requests"][1]["body"]["value"][0]["id"], format!("task-{id}"));
        let request = shown["requests"][1]["request"].as_str().unwrap();
        assert_eq!(request, format!("POST {}/jobs/{id}/addtaskcollection?api-version=2025-06-01", setup.azure.address()));
    }
}

#[tokio::test]
async fn z6_every_property_reaches_the_task() {
    let plain = task(&Setup::new("x y")).await;
    assert_eq!(plain["commandLine"], r#"/bin/sh -c "x y""#);
    assert_eq!(plain["constraints"], json!({ "maxWallClockTime": "PT3600S", "maxTaskRetryCount": 0 }));
    assert_eq!(plain["containerSettings"], json!({ "imageName": "ubuntu", "workingDirectory": "taskWorkingDirectory" }));
    for name in ["resourceFiles", "outputFiles", "requiredSlots"] {
        assert!(plain.get(name).is_none(), "{name}");
    }
    for (timeout, expected) in [(None, "PT3600S"), (Some(0), "PT3600S"), (Some(90_000), "PT90S"), (Some(10), "PT1S")] {
        let mut setup = Setup::new("x");
        setup.request.timeout_ms = timeout;
        assert_eq!(task(&setup).await["constraints"]["maxWallClockTime"], expected, "{timeout:?}");
    }
    let identity = json!({ "resourceId": "/subscriptions/s" });
    for (registry, expected) in [
        (
            json!({ "registryServer": "r.io", "userName": "u", "password": "p" }),
            json!({ "registryServer": "r.io", "username": "u", "password": "p" }),
        ),
        (json!({ "identityReference": identity }), json!({ "registryServer": "docker.io", "identityReference": identity })),
    ] {
        let setup =
            Setup::new("x").with("registry", registry).with("containerRunOptions", json!("--shm-size 1g")).with("requiredSlots", json!(2));
        let task = task(&setup).await;
        assert_eq!(task["containerSettings"]["registry"], expected);
        assert_eq!((&task["containerSettings"]["containerRunOptions"], &task["requiredSlots"]), (&json!("--shm-size 1g"), &json!(2)));
    }
    let mut setup = Setup::new("x").input("data.txt", "").input("deep/in.txt", "").outputs(&["out"]);
    setup.request.files.output_dir = Some("o".into());
    setup.request.command.env = [("A".to_owned(), "b".to_owned())].into();
    let task = task(&setup).await;
    let folder = runner().paths(&setup.request.properties, &setup.request.files).unwrap().bucket_path.unwrap();
    let address = format!("{}/{STORAGE}/{CONTAINER}", setup.azure.address());
    let file = |name: &str| json!({ "httpUrl": format!("{address}/{folder}/{name}?{{signature}}"), "filePath": name });
    assert_eq!(task["resourceFiles"], json!([file("data.txt"), file("deep/in.txt"), file("o/.kestradirectory")]));
    assert_eq!(task["outputFiles"][0]["destination"]["container"]["containerUrl"], format!("{address}?{{signature}}"));
    let env = json!([
        { "name": "A", "value": "b" },
        { "name": "BUCKET_PATH", "value": folder },
        { "name": "OUTPUT_DIR", "value": "o" },
        { "name": "WORKING_DIR", "value": "." },
    ]);
    assert_eq!(task["environmentSettings"], env);
}

#[tokio::test]
async fn a_preview_shows_no_secret_and_asks_nothing() {
    // Before a run there is no directory.
    let mut early = Setup::new("x");
    early.request.files.working_dir = "/not/there/yet".into();
    early.preview().await;
    let setup = Setup::new("x").input("in", "");
    let shown = setup.preview().await.to_string();
    assert!(!shown.contains("sig=") && !shown.contains(KEY) && !shown.contains(STORAGE_KEY), "{shown}");
    assert!(setup.azure.state().requests.is_empty());
}

#[test]
fn z2_z6_what_cannot_be_is_found_before_the_run() {
    for (properties, place) in [
        (json!({ "endpoint": "words" }), "/endpoint"),
        (json!({ "poolId": "" }), "/poolId"),
        (json!({ "accessKey": "a2V5" }), "/account"),
        (json!({ "blobStorage": { "connectionString": "x" } }), "/blobStorage/containerName"),
        (json!({ "blobStorage": { "containerName": "x" } }), "/blobStorage"),
        (json!({ "registry": { "userName": "u" } }), "/registry"),
        (
            json!({ "registry": { "userName": "u", "password": "p", "identityReference": { "resourceId": "r" } } }),
            "/registry/identityReference",
        ),
        (json!({ "completionCheckInterval": "PT0S" }), "/completionCheckInterval"),
        (json!({ "requiredSlots": 0 }), "/requiredSlots"),
    ] {
        let mut all = json!({ "endpoint": "https://a", "poolId": "p" });
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let problems = runner().validate(&all).unwrap();
        assert_eq!(problems.iter().map(|problem| problem.property.as_str()).collect::<Vec<_>>(), [place], "{properties}");
        assert!(problems.iter().all(|problem| problem.help.is_some()));
    }
}

#[tokio::test]
async fn z16_fifteen_hundred_files_fit_into_one_request_and_too_many_are_refused_by_us() {
    for (files, code) in [(1500, "azure::forbidden"), (5000, "azure::too_large")] {
        let setup = Setup::new("ls | wc -l");
        for number in 0..files {
            std::fs::write(setup.directory.path().join(format!("file-{number:05}.csv")), "").unwrap();
        }
        // What is not too large comes as far as its first upload.
        setup.azure.state().faults.push(("PUT ".into(), u32::MAX, 403, "AuthorizationFailure".into()));
        assert_eq!(setup.run().await.unwrap_err().code, code, "{files}");
        assert_eq!(setup.azure.asked("PUT", "") > 0, code == "azure::forbidden", "{files}");
    }
    let setup = Setup::new("ls | wc -l");
    for number in 0..150 {
        std::fs::write(setup.directory.path().join(format!("{number}-{}.csv", "x".repeat(150))), "").unwrap();
    }
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout().trim(), "150");
    setup.assert_gone();
}
