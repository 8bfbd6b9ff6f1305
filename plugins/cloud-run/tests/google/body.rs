//! What is asked of Google: names, bodies, and what is refused before anything is asked.

use serde_json::{Value, json};

use crate::setup::{Setup, TYPE, none, runner};

async fn preview(setup: &Setup) -> Value {
    runner().preview(setup.request.clone()).await.unwrap().document
}

#[test]
fn c1_every_name_means_it_and_the_region_is_required() {
    let manifest = switchyard_plugin_cloud_run::plugin().manifest();
    let component = &manifest.components[0];
    assert_eq!(component.type_name, TYPE);
    for alias in [
        "io.kestra.plugin.gcp.runner.GcpCloudRunTaskRunner",
        "io.kestra.plugin.ee.gcp.runner.CloudRun",
        "io.kestra.plugin.ee.gcp.runner.GcpCloudRunTaskRunner",
    ] {
        assert!(component.description.aliases.iter().any(|known| known == alias), "{alias}");
    }
    let error = runner().validate(&none()).unwrap_err();
    assert!(error.message.contains("region"), "{error}");
}

#[tokio::test]
async fn c2_the_working_directory_is_set_only_when_files_travel() {
    let setup = Setup::new("x");
    let with = preview(&setup).await;
    let container = Setup::container(&with);
    let folder = container["workingDir"].as_str().unwrap();
    assert!(folder.starts_with(setup.google.mount().to_str().unwrap()), "{folder}");
    assert_eq!(container["volumeMounts"][0]["mountPath"], json!(setup.google.mount()));
    assert_eq!(with["template"]["template"]["volumes"][0]["gcs"]["bucket"], "test-bucket");

    let without = preview(&setup.without("bucket")).await;
    let container = Setup::container(&without);
    assert!(container.get("workingDir").is_none() && container.get("volumeMounts").is_none(), "{container}");
    assert!(without["template"]["template"].get("volumes").is_none());
}

#[tokio::test]
async fn c3_the_tasks_own_limit_wins_unless_it_is_zero() {
    for (timeout, expected) in [(None, "3600s"), (Some(0), "3600s"), (Some(90_000), "90s"), (Some(10), "1s")] {
        let mut setup = Setup::new("x");
        setup.request.timeout_ms = timeout;
        assert_eq!(preview(&setup).await["template"]["template"]["timeout"], expected, "{timeout:?}");
        setup.request.command.argv = vec!["true".into()];
        setup.run().await.unwrap();
        assert_eq!(setup.google.state().runs[0]["overrides"], json!({ "taskCount": 1, "timeout": expected }));
    }
}

#[tokio::test]
async fn c5_the_bucket_path_is_the_runs_folder() {
    let setup = Setup::new("x");
    let mut files = setup.request.files.clone();
    files.output_dir = Some("out".into());
    let paths = runner().paths(&setup.request.properties, &files).unwrap();
    let folder = paths.working_dir.rsplit('/').next().unwrap().to_owned();
    assert_eq!(paths.bucket_path.unwrap(), format!("gs://test-bucket/{folder}"));
    assert_eq!(paths.output_dir.unwrap(), format!("{}/out", paths.working_dir));
    // The default place of the mount.
    let plain = runner().paths(&json!({ "region": "r", "bucket": "b" }), &files).unwrap();
    assert!(plain.working_dir.starts_with("/mnt/disks/share/"), "{plain:?}");
}

#[tokio::test]
async fn c10_c11_every_property_reaches_the_body() {
    let plain = preview(&Setup::new("x")).await;
    assert_eq!(plain["template"]["template"]["maxRetries"], 0, "a failing script runs once");
    assert!(plain["template"]["template"].get("vpcAccess").is_none());
    assert_eq!(plain["labels"]["kestra-namespace"], "company-team");

    let setup = Setup::new("x")
        .with("maxRetries", json!(3))
        .with("resources", json!({ "cpu": "2", "memory": "1Gi" }))
        .with("runtimeServiceAccount", json!("job@x.iam"))
        .with("vpcAccessConnector", json!("projects/p/locations/r/connectors/c"))
        .with("vpcEgress", json!("ALL_TRAFFIC"))
        .with("volumes", json!([{ "bucket": "more", "mountPath": "/more", "readOnly": true }]));
    let body = preview(&setup).await;
    let template = &body["template"]["template"];
    assert_eq!(template["maxRetries"], 3);
    assert_eq!(template["serviceAccount"], "job@x.iam");
    assert_eq!(template["vpcAccess"], json!({ "connector": "projects/p/locations/r/connectors/c", "egress": "ALL_TRAFFIC" }));
    assert_eq!(template["volumes"][1], json!({ "name": "volume-0", "gcs": { "bucket": "more", "readOnly": true } }));
    let container = Setup::container(&body);
    assert_eq!(container["resources"]["limits"], json!({ "cpu": "2", "memory": "1Gi" }));
    assert_eq!(container["volumeMounts"][1], json!({ "name": "volume-0", "mountPath": "/more" }));

    let direct = Setup::new("x").with("network", json!("n")).with("subnetwork", json!("s")).with("vpcEgress", json!("PRIVATE_RANGES_ONLY"));
    let access = &preview(&direct).await["template"]["template"]["vpcAccess"];
    assert_eq!(*access, json!({ "networkInterfaces": [{ "network": "n", "subnetwork": "s" }], "egress": "PRIVATE_RANGES_ONLY" }));
}

#[test]
fn c11_wrong_pairs_are_found_before_the_run() {
    for (properties, place) in [
        (json!({ "vpcAccessConnector": "c" }), "/vpcAccessConnector"),
        (json!({ "vpcAccessConnector": "c", "vpcEgress": "ALL_TRAFFIC", "network": "n" }), "/network"),
        (json!({ "vpcEgress": "ALL_TRAFFIC" }), "/vpcEgress"),
        (json!({ "maxRetries": 11 }), "/maxRetries"),
        (json!({ "waitUntilCompletion": "P8D" }), "/waitUntilCompletion"),
        (json!({ "completionCheckInterval": "PT0S" }), "/completionCheckInterval"),
        (json!({ "mountPath": "share" }), "/mountPath"),
        (json!({ "volumes": [{ "bucket": "b", "mountPath": "x" }] }), "/volumes/0/mountPath"),
    ] {
        let mut all = json!({ "region": "r" });
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let problems = runner().validate(&all).unwrap();
        assert_eq!(problems.iter().map(|problem| problem.property.as_str()).collect::<Vec<_>>(), [place], "{properties}");
    }
}

#[tokio::test]
async fn outputs_without_a_bucket_fail_before_anything_is_asked() {
    let mut setup = Setup::new("true").without("bucket");
    setup.request.files.outputs = vec!["*.txt".into()];
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("cloud_run::bucket_required", Some("/bucket")));
    assert!(setup.google.state().requests.is_empty());

    let setup = Setup::new("true").without("bucket");
    std::fs::write(setup.directory.path().join("input"), "x").unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.events().iter().any(|e| format!("{e:?}").contains("stay on the host")), "{:?}", setup.host.events());
}
