//! What is asked of Google: names, bodies, and what is refused before anything is asked.

use serde_json::{Value, json};
use switchyard_cloud_api::fake::google::{BUCKET, PROJECT, REGION};

use crate::setup::{Setup, TYPE, runner};

fn container(body: &Value) -> &Value {
    &body["taskGroups"][0]["taskSpec"]["runnables"][0]["container"]
}

async fn body(setup: &Setup) -> Value {
    let body = setup.preview().await["body"].clone();
    crate::schema::check(&body).unwrap();
    body
}

#[test]
fn g1_every_name_means_it_and_the_region_is_required() {
    let manifest = switchyard_plugin_gcp::plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name == TYPE).unwrap();
    for alias in [
        "io.kestra.plugin.gcp.runner.GcpBatchTaskRunner",
        "io.kestra.plugin.ee.gcp.runner.Batch",
        "io.kestra.plugin.ee.gcp.runner.GcpBatchTaskRunner",
    ] {
        assert!(component.description.aliases.iter().any(|known| known == alias), "{alias}");
    }
    let error = runner().validate(&json!({})).unwrap_err();
    assert!(error.message.contains("region"), "{error}");
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn g2_outputs_without_a_bucket_fail_before_anything_is_asked_and_inputs_stay_with_a_warning() {
    let mut setup = Setup::new("true").without("bucket");
    setup.request.files.outputs = vec!["*.txt".into()];
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("gcp_batch::bucket_required", Some("/bucket")));
    assert!(setup.google.state().requests.is_empty());

    let setup = Setup::new("true").without("bucket").input("in", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.events().iter().any(|event| format!("{event:?}").contains("stay on the host")), "{:?}", setup.host.events());
}

#[tokio::test]
async fn g3_the_body_is_the_documented_one_with_and_without_files() {
    let setup = Setup::new("x");
    let plain = body(&setup).await;
    assert!(plain["taskGroups"][0]["taskSpec"].get("volumes").is_none() && container(&plain).get("volumes").is_none(), "{plain}");
    assert_eq!(plain["taskGroups"][0]["taskCount"], "1");
    assert_eq!(container(&plain)["commands"], json!(["/bin/sh", "-c", "x"]));
    assert_eq!(plain["logsPolicy"]["destination"], "CLOUD_LOGGING");

    for (case, setup) in [
        ("inputs", Setup::new("x").input("in", "")),
        ("outputs", {
            let mut setup = Setup::new("x");
            setup.request.files.outputs = vec!["out".into()];
            setup
        }),
        ("output directory", {
            let mut setup = Setup::new("x");
            setup.request.files.output_dir = Some("o".into());
            setup
        }),
        ("everything", Setup::new("x").with("syncWorkingDirectory", json!(true))),
    ] {
        let with = body(&setup).await;
        let paths = runner().paths(&setup.request.properties, &setup.request.files).unwrap();
        let folder = paths.bucket_path.unwrap().trim_start_matches("gs://").to_owned();
        let volume = json!([{ "gcs": { "remotePath": folder }, "mountPath": "/mnt/disks/share" }]);
        assert_eq!(with["taskGroups"][0]["taskSpec"]["volumes"], volume, "{case}");
        assert_eq!(container(&with)["volumes"], json!([format!("/mnt/disks/share:{}", paths.working_dir)]), "{case}");
        assert!(container(&with).get("options").is_none(), "{case}");
    }
}

#[tokio::test]
async fn g3_variables_say_where_the_files_are() {
    let mut setup = Setup::new("x");
    setup.request.files.output_dir = Some("out".into());
    setup.request.command.env = [("A".to_owned(), "b".to_owned()), ("OUTPUT_DIR".to_owned(), "mine".to_owned())].into();
    let paths = runner().paths(&setup.request.properties, &setup.request.files).unwrap();
    assert_eq!(paths.output_dir.as_deref(), Some(format!("{}/out", paths.working_dir).as_str()));
    let variables = &body(&setup).await["taskGroups"][0]["taskSpec"]["runnables"][0]["environment"]["variables"];
    let expected = json!({ "A": "b", "OUTPUT_DIR": "mine", "WORKING_DIR": paths.working_dir, "BUCKET_PATH": paths.bucket_path });
    assert_eq!(*variables, expected);
    // The usual place, as documented: below the root.
    let usual = runner().paths(&json!({ "region": "r", "bucket": "b" }), &setup.request.files).unwrap();
    assert_eq!(usual.working_dir.matches('/').count(), 1, "{usual:?}");
}

#[tokio::test]
async fn g4_g5_every_property_reaches_the_body() {
    let plain = body(&Setup::new("x")).await;
    assert_eq!(plain["allocationPolicy"]["instances"], json!([{ "policy": { "machineType": "e2-medium" } }]));
    assert!(plain["taskGroups"][0]["taskSpec"].get("computeResource").is_none());
    assert_eq!(plain["taskGroups"][0]["taskSpec"]["maxRetryCount"], 0, "a failing script runs once");

    let setup = Setup::new("x")
        .with("machineType", json!("n1-standard-4"))
        .with("reservation", json!("projects/p/zones/z/reservations/r"))
        .with("provisioningModel", json!("SPOT"))
        .with("maxRetryCount", json!(2))
        .with("lifecyclePolicies", json!([{ "action": "RETRY_TASK", "actionCondition": { "exitCodes": [50001] } }]))
        .with("computeResource", json!({ "cpu": "2000", "memory": "2GiB", "bootDisk": 20480 }))
        .with("networkInterfaces", json!([{ "network": "n", "subnetwork": "s" }, { "network": "m", "noExternalIpAddress": true }]))
        .with("allowedLocations", json!(["zones/europe-west1-b"]))
        .with("accelerators", json!([{ "type": "nvidia-tesla-t4", "installGpuDrivers": true }]))
        .with("runtimeServiceAccount", json!("job@x.iam"))
        .with("entryPoint", json!(["/usr/bin/env", "A=b c"]));
    let all = body(&setup).await;
    let spec = &all["taskGroups"][0]["taskSpec"];
    assert_eq!(spec["computeResource"], json!({ "cpuMilli": "2000", "memoryMib": "2048", "bootDiskMib": "20480" }));
    assert_eq!(spec["maxRetryCount"], 2);
    assert_eq!(spec["lifecyclePolicies"], json!([{ "action": "RETRY_TASK", "actionCondition": { "exitCodes": [50001] } }]));
    assert_eq!(container(&all)["entrypoint"], "/usr/bin/env");
    assert_eq!(container(&all)["commands"], json!(["A=b c", "/bin/sh", "-c", "x"]), "blanks in an entrypoint survive");
    let allocation = &all["allocationPolicy"];
    let policy = json!({
        "machineType": "n1-standard-4", "reservation": "projects/p/zones/z/reservations/r", "provisioningModel": "SPOT",
        "accelerators": [{ "type": "nvidia-tesla-t4", "count": "1" }],
    });
    assert_eq!(allocation["instances"], json!([{ "installGpuDrivers": true, "policy": policy }]));
    let networks = json!([{ "network": "n", "subnetwork": "s" }, { "network": "m", "noExternalIpAddress": true }]);
    assert_eq!(allocation["network"]["networkInterfaces"], networks);
    assert_eq!(allocation["location"]["allowedLocations"], json!(["zones/europe-west1-b"]));
    assert_eq!(allocation["serviceAccount"]["email"], "job@x.iam");
    assert_eq!(allocation["labels"], all["labels"], "the bill can be told apart");

    for memory in [json!("2048"), json!("2GiB"), json!(2048), json!("2GB")] {
        let all = body(&Setup::new("x").with("computeResource", json!({ "memory": memory }))).await;
        assert_eq!(all["taskGroups"][0]["taskSpec"]["computeResource"], json!({ "memoryMib": "2048" }), "{memory}");
    }
    for (timeout, expected) in [(None, "3600s"), (Some(0), "3600s"), (Some(90_000), "90s"), (Some(10), "1s")] {
        let mut setup = Setup::new("x");
        setup.request.timeout_ms = timeout;
        assert_eq!(body(&setup).await["taskGroups"][0]["taskSpec"]["maxRunDuration"], expected, "{timeout:?}");
    }
}

#[test]
fn g4_what_cannot_be_is_found_before_the_run() {
    for (properties, place) in [
        (json!({ "region": " " }), "/region"),
        (json!({ "machineType": "" }), "/machineType"),
        (json!({ "maxRetryCount": 11 }), "/maxRetryCount"),
        (json!({ "waitUntilCompletion": "P15D" }), "/waitUntilCompletion"),
        (json!({ "completionCheckInterval": "PT0S" }), "/completionCheckInterval"),
        (json!({ "mountPath": "share" }), "/mountPath"),
        (json!({ "startInWorkingDirectory": true }), "/startInWorkingDirectory"),
        (json!({ "computeResource": { "memory": "2 buckets" } }), "/computeResource/memory"),
        (json!({ "computeResource": { "cpu": "two" } }), "/computeResource/cpu"),
        (json!({ "computeResource": { "bootDisk": "0" } }), "/computeResource/bootDisk"),
        (
            json!({ "lifecyclePolicies": [{ "action": "RETRY_TASK", "actionCondition": { "exitCodes": [1] } }] }),
            "/lifecyclePolicies/0/action",
        ),
    ] {
        let mut all = json!({ "region": "r" });
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let problems = runner().validate(&all).unwrap();
        assert_eq!(problems.iter().map(|problem| problem.property.as_str()).collect::<Vec<_>>(), [place], "{properties}");
    }
    for wrong in [
        json!({ "region": "r", "cpus": 1 }),
        json!({ "region": "r", "networkInterfaces": [{}] }),
        json!({ "region": "r", "provisioningModel": "CHEAP" }),
    ] {
        runner().validate(&wrong).unwrap_err();
    }
}

#[tokio::test]
async fn g6_labels_and_names_are_legal_for_odd_flows() {
    let mut setup = Setup::new("true").with("delete", json!(false));
    setup.request.task.namespace = "9.Company.TEAM".into();
    setup.request.task.flow_id = "Ünser_Flow".repeat(9);
    setup.request.task.labels = [
        ("kestra.io/namespace", "9.Company.TEAM"),
        ("kestra.io/flow-id", &"Flow.".repeat(30)),
        ("kestra.io/task-id", "task"),
        ("kestra.io/execution-id", "e"),
        ("kestra.io/taskrun-id", "t"),
        ("kestra.io/taskrun-attempt", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    // The fake refuses what the service would.
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let job = setup.google.state().created[0].1.clone();
    for name in ["namespace", "flow-id", "task-id", "execution-id", "taskrun-id", "taskrun-attempt"] {
        assert!(job["labels"][format!("kestra-{name}")].is_string(), "{name}");
    }
    assert_eq!(job["labels"]["kestra-namespace"], "9-company-team");
}

#[tokio::test]
async fn a_preview_shows_the_requests_and_asks_nothing() {
    let setup = Setup::new("x").input("deep/in.txt", "");
    let shown = setup.preview().await;
    let request = shown["request"].as_str().unwrap();
    assert!(request.starts_with(&format!(
        "POST {}/v1/projects/{PROJECT}/locations/{REGION}/jobs?jobId=company-team-flow-task-",
        setup.google.address()
    )));
    let uploads = shown["uploads"].as_array().unwrap();
    assert!(uploads.len() == 1 && uploads[0].as_str().unwrap().starts_with(&format!("gs://{BUCKET}/")), "{uploads:?}");
    assert!(uploads[0].as_str().unwrap().ends_with("/deep/in.txt"));
    assert!(setup.google.state().requests.is_empty());
    // Before a run there is no directory; files may travel all the same.
    let mut early = Setup::new("x");
    early.request.files.working_dir = "/not/there/yet".into();
    assert!(early.preview().await["body"]["taskGroups"][0]["taskSpec"]["volumes"].is_array());
    // What is shown is what is sent.
    let setup = Setup::new("true").input("in.txt", "").with("delete", json!(false));
    let shown = setup.preview().await["body"].clone();
    setup.run().await.unwrap();
    assert_eq!(setup.google.state().created[0].1, shown);
}
