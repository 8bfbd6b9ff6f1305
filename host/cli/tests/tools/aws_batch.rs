//! Kestra's own flow for AWS Batch, word for word, with the endpoint in the environment: Batch and its log are a fake, S3
//! is moto, and the containers for files are the real AWS CLI.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;
use switchyard_cloud_api::fake::aws as fake;

use crate::{
    installed, server,
    support::{Home, Ran},
    task,
};

const FLOW: &str = include_str!("../../../model/tests/flows/aws_batch_runner.yaml");
/// What the flow's image has.
const KESTRA: &str = "import json
class Kestra:
    @staticmethod
    def outputs(values):
        print('::' + json.dumps({'outputs': values}) + '::')
";

#[test]
fn tool_the_aws_batch_flow_of_the_documentation_runs_as_it_is() {
    let (aws, moto) = (fake::Aws::start(), server::moto());
    let s3 = format!("http://127.0.0.1:{}", moto.port);
    let home = Home::new(&["aws", "scripts"]);
    {
        let mut state = aws.state();
        state.environment("kestraFargateEnvironment", "FARGATE");
        state.queue("kestraJobQueue");
        state.cli = Some(installed::python("aws").join("aws"));
    }
    let image = home.folder.path().join("image");
    fs::create_dir(&image).unwrap();
    fs::write(image.join("kestra.py"), KESTRA).unwrap();
    symlink(installed::python("aws").join("python"), image.join("python")).unwrap();
    // Only root may make folders below `/`, where the volume would be.
    let defaults = json!({ "secretsFile": "secrets.env", "pluginDefaults": [
        { "type": "io.kestra.plugin.aws.runner.Batch", "values": { "mountPath": aws.mount() } },
        { "type": "io.kestra.plugin.scripts.python.Commands", "values": { "env": { "PYTHONPATH": image, "PATH": installed::path_with(&image) } } },
    ] });
    home.file("switchyard.yaml", defaults.to_string());
    let secrets = home.file("secrets.env", format!("awsAccessKey={}\nawsSecretKey={}\n", fake::KEY, fake::SECRET));
    fs::set_permissions(secrets, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let bucket = format!(
        "id: b\nnamespace: dev\ntasks:\n  - {{id: make, type: io.kestra.plugin.core.http.Request, uri: \"{s3}/kestra-product-de\", method: PUT}}\n"
    );
    home.flow(&bucket, &[]).expect(0);

    home.file("flow.yaml", FLOW);
    let mut command = home.command(&["run", "flow.yaml", "-o", "json"]);
    command.env("AWS_ENDPOINT_URL", aws.address()).env("AWS_ENDPOINT_URL_S3", &s3);
    let ran = Ran(command.output().unwrap()).expect(0);
    let execution = serde_json::from_str(&ran.stdout()).unwrap();
    let outputs = &task(&execution, "scrape_environment_info")["outputs"];
    assert_eq!(outputs["vars"]["OS"], "linux", "{outputs}");
    assert!(outputs["outputFiles"]["environment_info.json"].is_string(), "{outputs}");
    assert_eq!(outputs["taskRunner"]["status"], "SUCCEEDED");
    assert!(ran.stderr().contains("Hello from AWS Batch and kestra!"), "{}", ran.stderr());
    assert!(!ran.stderr().contains("left on AWS"), "{}", ran.stderr());
    assert!(aws.state().definitions.values().all(|definition| definition["status"] == "INACTIVE"));
}
