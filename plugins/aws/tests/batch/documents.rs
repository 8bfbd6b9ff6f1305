//! What is asked of Batch, and what is refused before anything is asked.

use serde_json::{Value, json};

use crate::setup::{Setup, TYPE, runner};
use switchyard_cloud_api::fake::aws::{ARN, Aws};

fn names(task: &Value) -> Vec<&str> {
    task["containers"].as_array().unwrap().iter().map(|container| container["name"].as_str().unwrap()).collect()
}

fn container<'a>(task: &'a Value, name: &str) -> &'a Value {
    task["containers"].as_array().unwrap().iter().find(|container| container["name"] == name).unwrap()
}

#[tokio::test]
async fn b1_every_name_means_it_and_the_old_bucket_too() {
    let manifest = switchyard_plugin_aws::plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name == TYPE).unwrap();
    for alias in
        ["aws.runner.AwsBatchScriptRunner", "aws.runner.AwsBatchTaskRunner", "ee.aws.runner.Batch", "ee.aws.runner.AwsBatchTaskRunner"]
    {
        assert!(component.description.aliases.contains(&format!("io.kestra.plugin.{alias}")), "{alias}");
    }
    for name in ["region", "computeEnvironmentArn"] {
        let error = runner().validate(&json!({ "region": "r" }).as_object().map(|_| json!({})).unwrap()).unwrap_err();
        assert!(error.message.contains("region"), "{name}: {error}");
    }
    let setup = Setup::new("x").outputs(&["a"]);
    let new = setup.task().await;
    let old = setup.without("bucket").with("s3Bucket", json!("test-bucket")).task().await;
    assert_eq!(new, old);
}

#[tokio::test]
async fn b2_outputs_without_a_bucket_fail_before_anything_is_asked() {
    let setup = Setup::new("true").without("bucket").outputs(&["*.txt"]);
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("aws_batch::bucket_required", Some("/bucket")));
    assert!(setup.aws.state().requests.is_empty());

    let setup = Setup::new("true").without("bucket");
    setup.write("input", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.warnings().iter().any(|warning| warning.contains("stay on the host")), "{:?}", setup.host.warnings());
    assert_eq!(setup.aws.asked("s3.PUT"), 0);
}

#[tokio::test]
async fn b3_the_kind_of_the_environment_decides() {
    let fargate = Setup::new("x");
    assert_eq!(fargate.body("RegisterJobDefinition").await["platformCapabilities"], json!(["FARGATE"]));
    assert_eq!(fargate.task().await["networkConfiguration"], json!({ "assignPublicIp": "ENABLED" }));

    let machines = Setup::new("true").with("computeEnvironmentArn", json!("machines")).without("executionRoleArn");
    assert_eq!(machines.body("RegisterJobDefinition").await["platformCapabilities"], json!(["EC2"]));
    assert!(machines.task().await.get("networkConfiguration").is_none());
    assert_eq!(machines.run().await.unwrap().exit_code, 0, "the fake takes it too");

    for (name, word) in [("absent", "absent"), ("cluster", "EKS")] {
        let setup = Setup::new("true").with("computeEnvironmentArn", json!(format!("{ARN}:compute-environment/{name}")));
        setup.aws.state().environment("cluster", "EKS");
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code.as_str(), error.property.as_deref()), ("aws_batch::compute_environment", Some("/computeEnvironmentArn")));
        assert!(error.message.contains(word) && error.help.is_some(), "{error}");
        assert_eq!(setup.aws.asked("registerjobdefinition"), 0);
    }
    for (name, files) in [("executionRoleArn", false), ("taskRoleArn", true)] {
        let setup = Setup::new("true").without(name);
        if files {
            setup.write("input", "x");
        }
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code, error.property), ("aws_batch::role_required".to_owned(), Some(format!("/{name}"))));
    }
}

#[tokio::test]
async fn b4_each_kind_of_files_has_exactly_its_containers() {
    for (inputs, outputs, dir, expected) in [
        (false, false, false, &["main"][..]),
        (true, false, false, &["inputFiles", "main"]),
        (false, true, false, &["main", "outputFiles"]),
        (true, true, false, &["inputFiles", "main", "outputFiles"]),
        (false, false, true, &["inputFiles", "main", "outputFiles"]),
    ] {
        let mut setup = Setup::new("true");
        if inputs {
            setup.write("in.txt", "x");
        }
        if outputs {
            setup = setup.outputs(&["*.none"]);
        }
        if dir {
            setup.request.files.output_dir = Some("out".into());
        }
        let task = setup.task().await;
        assert_eq!(names(&task), expected, "{inputs} {outputs} {dir}");
        let main = container(&task, "main");
        let ends = expected.contains(&"outputFiles");
        assert_eq!(main["essential"], json!(!ends));
        let moves = expected.len() > 1;
        assert_eq!(main["mountPoints"].is_array(), moves);
        assert_eq!(task["volumes"].is_array(), moves);
        if expected.contains(&"inputFiles") {
            assert_eq!(main["dependsOn"], json!([{ "containerName": "inputFiles", "condition": "SUCCESS" }]));
            assert_eq!(container(&task, "inputFiles")["essential"], false);
        } else {
            assert!(main.get("dependsOn").is_none());
        }
        if ends {
            let output = container(&task, "outputFiles");
            assert_eq!(
                (&output["essential"], &output["dependsOn"]),
                (&json!(true), &json!([{ "containerName": "main", "condition": "SUCCESS" }]))
            );
        }
        // The fake is as strict as the service.
        assert_eq!(setup.run().await.unwrap().exit_code, 0, "{inputs} {outputs} {dir}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn b5_sizes_reach_the_containers() {
    let setup = Setup::new("x").outputs(&["a"]).with("resources", json!({ "request": { "cpu": 1, "memory": "3072" } }));
    let task = setup.task().await;
    assert_eq!(
        container(&task, "main")["resourceRequirements"],
        json!([{ "type": "VCPU", "value": "0.75" }, { "type": "MEMORY", "value": "2560" }])
    );
    assert_eq!(
        container(&task, "outputFiles")["resourceRequirements"],
        json!([{ "type": "VCPU", "value": "0.25" }, { "type": "MEMORY", "value": "512" }])
    );

    let setup = Setup::new("true").with("resources", json!({ "request": { "cpu": "1", "memory": "2100" } }));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.warnings().iter().any(|warning| warning.contains("3072 MiB")), "{:?}", setup.host.warnings());
}

#[tokio::test]
async fn b6_a_queue_is_made_and_removed_or_left_alone() {
    let setup = Setup::new("true").without("jobQueueArn");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let order: Vec<String> = setup
        .aws
        .state()
        .requests
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name.contains("queue") || name == "submitjob")
        .collect();
    let first = |name: &str| order.iter().position(|one| one == name).unwrap_or_else(|| panic!("{name}: {order:?}"));
    let places = ["createjobqueue", "submitjob", "updatejobqueue", "deletejobqueue"].map(first);
    assert!(places.is_sorted(), "{order:?}");
    assert_eq!(setup.aws.bodies("createjobqueue")[0]["state"], "ENABLED");
    setup.assert_gone();

    let setup = Setup::new("true");
    setup.run().await.unwrap();
    for name in ["createjobqueue", "describejobqueues", "updatejobqueue", "deletejobqueue"] {
        assert_eq!(setup.aws.asked(name), 0, "{name}");
    }
}

#[tokio::test]
async fn b7_the_tasks_own_limit_wins_and_is_a_minute_at_least() {
    for (timeout, wait, expected) in [
        (None, None, 3600),
        (None, Some("PT5M"), 300),
        (Some(0), Some("PT5M"), 300),
        (Some(90_500), Some("PT5M"), 91),
        (Some(5_000), None, 60),
    ] {
        let mut setup = Setup::new("x");
        setup.request.timeout_ms = timeout;
        if let Some(wait) = wait {
            setup = setup.with("waitUntilCompletion", json!(wait));
        }
        assert_eq!(setup.body("SubmitJob").await["timeout"]["attemptDurationSeconds"], expected, "{timeout:?} {wait:?}");
    }
}

#[tokio::test]
async fn b8_paths_are_the_same_in_templates_and_in_variables() {
    let mut setup = Setup::new("printf '%s\\n' \"$WORKING_DIR\" \"$OUTPUT_DIR\" \"$BUCKET_PATH\" \"$OWN\"; pwd");
    setup.request.files.output_dir = Some("out".into());
    setup.request.command.env.insert("OWN".into(), "value".into());
    let paths = runner().paths(&setup.request.properties, &setup.request.files).unwrap();
    let folder = paths.working_dir.rsplit('/').next().unwrap().to_owned();
    assert_eq!(paths.bucket_path.as_deref(), Some(&*format!("s3://test-bucket/{folder}")));
    assert_eq!(paths.output_dir.as_deref(), Some(&*format!("{}/out", paths.working_dir)));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(
        setup.host.stdout(),
        format!("{}\n{}\n{}\nvalue\n/\n", paths.working_dir, paths.output_dir.unwrap(), paths.bucket_path.unwrap())
    );
    // The usual place is below the root.
    let plain = runner().paths(&json!({ "region": "r", "computeEnvironmentArn": "e" }), &setup.request.files).unwrap();
    assert_eq!(plain.working_dir, format!("/{folder}"));
    assert_eq!(plain.bucket_path, None);
}

#[tokio::test]
async fn the_requests_of_a_run_with_everything() {
    let mut setup = Setup::new("echo x")
        .outputs(&["*.txt"])
        .without("jobQueueArn")
        .with("maxSpotAttempts", json!(3))
        .with("sidecarCommand", json!(["aws"]));
    setup.request.files.working_dir = "/data/runs/execution-1".into();
    setup.request.files.output_dir = Some("out".into());
    setup.request.task.key = "execution-1-0".into();
    setup.request.task.labels = [("kestra.io/namespace".to_owned(), "Company.Team".to_owned())].into_iter().collect();
    setup.request.command.env.insert("NAME".into(), "value".into());
    let setup = setup.with("mountPath", json!("/")).with("endpointOverride", json!("http://127.0.0.1:1"));
    insta::assert_json_snapshot!(setup.preview().await);
}

#[tokio::test]
async fn a_preview_shows_what_is_sent() {
    let setup = Setup::new("true").outputs(&["a"]);
    let (definition, submission) = (setup.body("RegisterJobDefinition").await, setup.body("SubmitJob").await);
    assert_eq!(setup.aws.asked("registerjobdefinition") + setup.aws.asked("submitjob"), 0);
    setup.run().await.unwrap();
    assert_eq!(setup.aws.bodies("registerjobdefinition"), [definition]);
    let mut sent = setup.aws.bodies("submitjob").remove(0);
    // What AWS answers with is not known before.
    assert!(sent["jobDefinition"].as_str().unwrap().contains(submission["jobDefinition"].as_str().unwrap()));
    sent["jobDefinition"] = submission["jobDefinition"].clone();
    assert_eq!(sent, submission);
}

#[test]
fn wrong_properties_are_found_before_the_run() {
    let other = "arn:aws:batch:us-east-1:1:compute-environment/x";
    for (properties, place) in [
        (json!({ "region": " " }), "/region"),
        (json!({ "computeEnvironmentArn": "" }), "/computeEnvironmentArn"),
        (json!({ "computeEnvironmentArn": other }), "/computeEnvironmentArn"),
        (json!({ "jobQueueArn": "arn:aws:batch:us-east-1:1:job-queue/x" }), "/jobQueueArn"),
        (json!({ "bucket": "a", "s3Bucket": "b" }), "/s3Bucket"),
        (json!({ "accessKeyId": "a" }), "/secretKeyId"),
        (json!({ "secretKeyId": "a" }), "/accessKeyId"),
        (json!({ "sessionToken": "a" }), "/sessionToken"),
        (json!({ "stsRoleSessionDuration": "PT5M" }), "/stsRoleSessionDuration"),
        (json!({ "stsEndpointOverride": "http://169.254.169.254/latest" }), "/stsEndpointOverride"),
        (json!({ "endpointOverride": "localhost:5000" }), "/endpointOverride"),
        (json!({ "completionCheckInterval": "PT0S" }), "/completionCheckInterval"),
        (json!({ "mountPath": "data" }), "/mountPath"),
        (json!({ "maxSpotAttempts": 11 }), "/maxSpotAttempts"),
        (json!({ "resources": { "request": { "memory": "2GB" } } }), "/resources/request/memory"),
        (json!({ "sidecarResources": { "request": { "cpu": "0" } } }), "/sidecarResources/request/cpu"),
    ] {
        let mut all = json!({ "region": "eu-central-1", "computeEnvironmentArn": "e" });
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let problems = runner().validate(&all).unwrap();
        assert!(problems.iter().any(|problem| problem.property == place && problem.help.is_some()), "{properties}: {problems:?}");
        assert!(properties["region"] == " " || problems.len() == 1, "{properties}: {problems:?}");
    }
}

#[tokio::test]
async fn commands_that_cannot_be_are_refused_with_a_remedy() {
    let aws = Aws::start();
    let with = |change: &dyn Fn(&mut Setup)| {
        let mut setup = Setup::at(aws.clone(), "x");
        change(&mut setup);
        setup
    };
    for (setup, code) in [
        (with(&|setup| setup.request.command.image = None), "image_required"),
        (with(&|setup| setup.request.command.argv.clear()), "empty_command"),
        (with(&|setup| setup.request.command.argv.push("\0".into())), "nul_character"),
        (with(&|setup| setup.request.command.argv.push("x".repeat(30_000))), "too_large"),
    ] {
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code, error.help.is_some()), (format!("aws_batch::{code}"), true));
    }
    assert_eq!(aws.asked("registerjobdefinition") + aws.asked("s3.PUT"), 0);
}
