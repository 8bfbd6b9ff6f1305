//! The command line tools of clouds, and Terraform.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use crate::{PROCESS, installed, run, server, support::Home, task};

fn flow(type_name: &str, properties: &str) -> String {
    format!("id: t\nnamespace: a.b\ntasks:\n  - id: x\n    type: {type_name}\n    {PROCESS}\n{properties}")
}

/// A program that writes down how it was called, in a folder for `PATH`.
fn fake(home: &Home, name: &str) -> PathBuf {
    let folder = home.folder.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let script = format!("#!/bin/sh\nfor word in {name} \"$@\"; do printf '<%s>' \"$word\"; done | tee -a calls; echo | tee -a calls\n");
    fs::write(folder.join(name), script).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn tool_aws_cli_against_moto_with_defaults_of_the_package() {
    let home = Home::new(&["aws"]);
    let moto = server::moto();
    let aws = "io.kestra.plugin.aws.cli.AwsCLI";
    let path = installed::path_with(&installed::python("aws"));
    let properties = format!(
        "    env: {{PATH: \"{path}\"}}
    inputFiles: {{data.txt: hello}}
    outputFiles: [\"*\"]
    commands:
      - aws s3 mb s3://bucket && aws s3 cp data.txt s3://bucket/data.txt && aws s3 cp s3://bucket/data.txt back.txt
      - aws sts get-caller-identity > who.json && cat who.json
taskDefaults:
  - type: io.kestra.plugin.aws
    values:
      accessKeyId: \"{{{{ 'AK' }}}}\"
      secretKeyId: SK
      region: eu-central-1
      endpointOverride: http://127.0.0.1:{}
",
        moto.port
    );
    let (execution, _) = run(&home, &flow(aws, &properties), 0);
    let outputs = &task(&execution, "x")["outputs"];
    assert!(outputs["outputFiles"]["back.txt"].is_string(), "{outputs}");
    // In a role; neither the configuration nor the key becomes an output file.
    let in_role = properties
        .replace("      region", "      stsRoleArn: arn:aws:iam::123456789012:role/worker\n      stsRoleSessionName: night\n      region");
    let (execution, ran) = run(&home, &flow(aws, &in_role.replace("aws s3 mb s3://bucket && ", "")), 0);
    assert!(ran.stderr().contains("assumed-role/worker/night"), "{}", ran.stderr());
    let files = task(&execution, "x")["outputs"]["outputFiles"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(files, ["back.txt", "data.txt", "who.json"]);
}

#[test]
fn tool_aws_gcp_azure_environment_and_order() {
    let home = Home::new(&["aws", "gcp", "azure"]);
    let path = installed::path_with(&fake(&home, "az"));
    for (type_name, properties, expected) in [
        (
            "io.kestra.plugin.aws.cli.AwsCLI",
            "    env: {AWS_DEFAULT_OUTPUT: text}\n    outputFormat: TABLE\n    commands: [\"false\", \"echo $AWS_DEFAULT_OUTPUT\"]\n".to_owned(),
            "text",
        ),
        (
            "io.kestra.plugin.gcp.cli.GCloudCLI",
            "    projectId: p\n    serviceAccount: '{\"type\": \"x\"}'\n    outputFiles: [\"**\"]\n    commands: [\"echo $CLOUDSDK_CORE_PROJECT $(cat $GOOGLE_APPLICATION_CREDENTIALS) $CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE\"]\n"
                .to_owned(),
            "p {\"type\": \"x\"} /",
        ),
        (
            "io.kestra.plugin.azure.cli.AzCLI",
            format!("    env: {{PATH: \"{path}\"}}\n    username: \"it's me\"\n    password: s3 cret\n    tenant: t\n    servicePrincipal: true\n    commands: [az group list, cat calls]\n"),
            "<az><login><-u><it's me><-p><s3 cret><--tenant><t><--service-principal>",
        ),
    ] {
        let (execution, ran) = run(&home, &flow(type_name, &properties), 0);
        assert!(ran.stderr().contains(expected), "{type_name}: {}", ran.stderr());
        assert_eq!(task(&execution, "x")["outputs"]["outputFiles"], serde_json::json!({}), "{type_name}");
    }
}

#[test]
fn tool_terraform_plans_and_applies() {
    let home = Home::new(&["terraform"]);
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join("terraform").is_file());
    let configuration = "    inputFiles:
      main.tf: |
        variable \"greeting\" {}
        resource \"terraform_data\" \"it\" { input = var.greeting }
        output \"said\" { value = terraform_data.it.output }
    env: {TF_VAR_greeting: hello, TF_IN_AUTOMATION: \"1\"PATH}
    outputFiles: [terraform.tfstate]
    beforeCommands: [terraform init -input=false -no-color]
    commands:
      - terraform plan -input=false -no-color -out=plan
      - terraform apply -input=false -no-color plan
      - \"echo '::{\\\"outputs\\\":'$(terraform output -json)'}::'\"
";
    if real {
        let (execution, _) = run(&home, &flow("io.kestra.plugin.terraform.cli.TerraformCLI", &configuration.replace("PATH", "")), 0);
        let outputs = &task(&execution, "x")["outputs"];
        assert_eq!(outputs["vars"]["said"]["value"], "hello", "{outputs}");
        assert!(outputs["outputFiles"]["terraform.tfstate"].is_string());
        let broken = configuration.replace("PATH", "").replace("var.greeting }", "var.absent }");
        let (_, ran) = run(&home, &flow("io.kestra.plugin.terraform.cli.TerraformCLI", &broken), 1);
        assert!(!ran.stderr().contains("Apply complete"));
    } else {
        // Debian has no Terraform: what stands in for it shows how it would be called.
        let path = installed::path_with(&fake(&home, "terraform"));
        let configuration = configuration.replace("PATH", &format!(", PATH: \"{path}\""));
        let (_, ran) = run(&home, &flow("io.kestra.plugin.terraform.cli.TerraformCLI", &configuration), 0);
        assert!(ran.stderr().contains("<terraform><plan><-input=false><-no-color><-out=plan>"), "{}", ran.stderr());
    }
}
