use serde_json::json;
use switchyard_plugin_api::{DynTaskRunner, TypedRunner};

use super::*;
use crate::runner::Kubernetes;

fn request(properties: Value, files: Value) -> RunRequest {
    serde_json::from_value(json!({
        "task": {
            "key": "ex-tr-0",
            "namespace": "company.team",
            "flowId": "my_flow",
            "taskId": "greet",
            "executionId": "ex",
            "taskrunId": "tr",
            "labels": { "kestra.io/flow-id": "my_flow", "kestra.io/namespace": "company.team" },
        },
        "properties": properties,
        "command": {
            "argv": ["/bin/sh", "-c", "echo $(date) $$"],
            "env": { "A": "1" },
            "image": "ghcr.io/org/img",
        },
        "files": files,
    }))
    .unwrap()
}

async fn preview(properties: Value, files: Value) -> (Value, Vec<String>) {
    let preview = TypedRunner::new(Kubernetes).preview(request(properties, files)).await.unwrap();
    assert_eq!(preview.kind, "pod");
    (preview.document, preview.notes)
}

fn nothing() -> Value {
    json!({ "workingDir": "/nonexistent" })
}

fn names(containers: &Value) -> Vec<String> {
    containers.as_array().into_iter().flatten().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn kube_k1_the_least_pod() {
    let (pod, notes) = preview(json!({}), nothing()).await;
    insta::assert_yaml_snapshot!(pod);
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn kube_k2_file_containers_come_when_files_need_them() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in.txt"), "x").unwrap();
    let full = directory.path();
    for (files, init, regular, waits) in [
        (json!({ "workingDir": full }), vec!["init-files"], vec!["main"], true),
        (json!({ "workingDir": "/nonexistent", "outputs": ["x"] }), vec!["init-files"], vec!["main", "out-files"], false),
        (json!({ "workingDir": full, "outputs": ["x"] }), vec!["init-files"], vec!["main", "out-files"], true),
        (json!({ "workingDir": "/nonexistent", "outputDir": "o'o" }), vec!["init-files"], vec!["main", "out-files"], false),
        (json!({ "workingDir": "/nonexistent", "shared": true }), vec!["init-files"], vec!["main", "out-files"], false),
    ] {
        let (pod, _) = preview(json!({}), files.clone()).await;
        let spec = &pod["spec"];
        assert_eq!(
            (names(&spec["initContainers"]), names(&spec["containers"])),
            (init.iter().map(|s| (*s).to_owned()).collect(), regular.iter().map(|s| (*s).to_owned()).collect()),
            "{files}"
        );
        let script = spec["initContainers"][0]["command"][2].as_str().unwrap();
        assert_eq!(script.contains("/kestra/ready"), waits, "{files}: {script}");
        for container in spec["containers"].as_array().unwrap() {
            assert_eq!(
                (&container["workingDir"], &container["volumeMounts"][0]["mountPath"]),
                (&json!("/kestra/working-dir"), &json!("/kestra"))
            );
        }
    }
    let (pod, _) = preview(json!({}), json!({ "workingDir": full, "outputs": ["x"], "outputDir": "out" })).await;
    insta::assert_yaml_snapshot!(pod["spec"]);
}

#[tokio::test]
async fn kube_k29_every_property_has_its_place() {
    let (pod, notes) = preview(
        json!({
            "namespace": "batch",
            "pullPolicy": "ALWAYS",
            "labels": { "team": "data eng", "kestra.io/flow-id": "mine", "number": 1 },
            "annotations": { "a": "b", "karpenter.sh/do-not-disrupt": false },
            "nodeSelector": { "pool": "x" },
            "serviceAccountName": "robot",
            "resources": { "request": { "cpu": "500m", "memory": "256Mi" }, "limits": { "nvidia.com/gpu": 1 } },
            "tolerations": [{ "key": "t", "operator": "Exists" }],
            "affinity": { "nodeAffinity": {} },
            "imagePullSecrets": ["mine"],
            "runtimeClassName": "gvisor",
            "priorityClassName": "high",
            "waitUntilRunning": "PT1M",
            "waitUntilCompletion": "PT2M",
            "credentials": { "username": "u", "password": "p" },
            "terminationGracePeriod": "PT5S",
            "fileVolume": { "medium": "DISK", "sizeLimit": "1Gi" },
        }),
        nothing(),
    )
    .await;
    insta::assert_yaml_snapshot!(pod);
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn kube_k29_overlays_are_merged() {
    let (pod, notes) = preview(
        json!({
            "podSpec": {
                "securityContext": { "runAsUser": 1000 },
                "activeDeadlineSeconds": 77,
                "volumes": [{ "name": "cache", "emptyDir": {} }],
                "tolerations": [{ "key": "t" }],
                "containers": [
                    { "name": "main", "image": "ignored", "env": [{ "name": "A", "value": "ignored" }, { "name": "B", "value": "2" }],
                      "volumeMounts": [{ "name": "cache", "mountPath": "/cache" }] },
                    { "name": "side", "image": "sidecar" },
                    { "name": "out-files", "image": "evil" },
                ],
                "initContainers": [{ "name": "first", "image": "init" }, { "name": "init-files", "image": "evil" }],
            },
            "containerSpec": { "env": [{ "name": "C", "value": "3" }], "lifecycle": { "preStop": { "sleep": { "seconds": 1 } } } },
            "containerDefaultSpec": { "securityContext": { "allowPrivilegeEscalation": false }, "resources": { "limits": { "memory": "1Gi" } } },
            "fileSidecar": { "image": "tools", "resources": { "limit": { "memory": "64Mi" } } },
            "fileSideCarSpec": { "env": [{ "name": "D", "value": "4" }] },
            "tolerations": [{ "key": "u" }],
        }),
        json!({ "workingDir": "/nonexistent", "outputs": ["x"] }),
    )
    .await;
    insta::assert_yaml_snapshot!(pod["spec"]);
    assert_eq!(
        notes,
        [
            "the container out-files of podSpec is left out: the name is reserved for the runner's own",
            "the container init-files of podSpec is left out: the name is reserved for the runner's own",
        ]
    );
}

#[tokio::test]
async fn kube_k29_volumes() {
    for (volume, expected) in [
        (json!({}), json!({ "emptyDir": { "medium": "Memory" } })),
        (json!({ "sizeLimit": "1Gi" }), json!({ "emptyDir": { "medium": "Memory", "sizeLimit": "1Gi" } })),
        (json!({ "medium": "DISK" }), json!({ "emptyDir": {} })),
        (json!({ "claimName": "c" }), json!({ "persistentVolumeClaim": { "claimName": "c" } })),
        (
            json!({ "volumeClaimTemplate": { "accessModes": ["ReadWriteOnce"] } }),
            json!({ "ephemeral": { "volumeClaimTemplate": { "spec": { "accessModes": ["ReadWriteOnce"] } } } }),
        ),
    ] {
        let (pod, _) = preview(json!({ "fileVolume": volume }), nothing()).await;
        let mut found = pod["spec"]["volumes"][0].clone();
        assert_eq!(found.as_object_mut().unwrap().remove("name"), Some(json!("kestra-files")));
        assert_eq!(found, expected, "{volume}");
    }
}

#[tokio::test]
async fn requests_that_cannot_be_pods_say_why() {
    for (properties, image, code) in [
        (json!({}), Value::Null, "kubernetes::image_required"),
        (json!({ "podSpec": { "containers": [{ "image": "nameless" }] } }), json!("x"), "kubernetes::invalid_field"),
        (json!({ "podSpec": { "dnsPolcy": "Default" } }), json!("x"), "kubernetes::unknown_field"),
        (json!({ "credentials": {} }), json!("x"), "kubernetes::invalid_credentials"),
        (json!({ "fileVolume": { "claimName": "a", "volumeClaimTemplate": {} } }), json!("x"), "kubernetes::invalid_field"),
    ] {
        let mut request = request(properties.clone(), nothing());
        request.command.image = image.as_str().map(str::to_owned);
        let error = TypedRunner::new(Kubernetes).preview(request).await.unwrap_err();
        assert_eq!(error.code, code, "{properties}: {error}");
    }
}

#[test]
fn literal_mistakes_are_found_without_a_cluster() {
    let runner = TypedRunner::new(Kubernetes);
    for (properties, property) in [
        (json!({ "namespace": "My Team" }), Some("/namespace")),
        (json!({ "namespace": "{{ inputs.x }}" }), None),
        (json!({ "resources": { "request": { "cpu": "half" } } }), Some("/resources/request/cpu")),
        (json!({ "resources": { "request": { "cpu": 0.5, "memory": "128Mi", "hugepages-2Mi": "1e3" } } }), None),
        (json!({ "fileVolume": { "claimName": "a", "volumeClaimTemplate": {} } }), Some("/fileVolume")),
        (
            json!({ "config": { "username": "docker-desktop", "masterUrl": "https://docker-for-desktop:6443", "caCert": "xxx", "clientCert": "xxx", "clientKey": "xxx" } }),
            None,
        ),
    ] {
        let problems = runner.validate(&properties).unwrap();
        assert_eq!(problems.first().map(|p| p.property.as_str()), property, "{properties}");
    }
    assert!(runner.validate(&json!({ "waitUntilRuning": "PT1M" })).is_err());
}

/// The rules of the PodSecurity standard `restricted`, of which an API server of this kind refuses the first that is broken.
fn breaks_restricted(pod: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    let whole = &pod["spec"]["securityContext"];
    for container in ["initContainers", "containers"].iter().flat_map(|list| pod["spec"][list].as_array().into_iter().flatten()) {
        let own = &container["securityContext"];
        let effective = |field: &str| if own[field].is_null() { &whole[field] } else { &own[field] };
        let mut rule = |holds: bool, name: &str| {
            if !holds {
                broken.push(format!("{}: {name}", container["name"].as_str().unwrap()));
            }
        };
        rule(own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
        rule(own["capabilities"]["drop"] == json!(["ALL"]), "capabilities");
        rule(effective("runAsNonRoot") == true, "runAsNonRoot");
        rule(effective("runAsUser") != 0, "runAsUser");
        rule(effective("seccompProfile")["type"] == "RuntimeDefault", "seccompProfile");
    }
    broken
}

#[tokio::test]
async fn kube_k28_the_restricted_standard_admits_what_it_asks_for() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in.txt"), "x").unwrap();
    let files = json!({ "workingDir": directory.path(), "outputs": ["x"] });
    let container = json!({ "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } });
    let pod = json!({ "securityContext": { "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" } } });
    let without_user = json!({ "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } } });
    for properties in [
        json!({ "podSpec": pod, "containerDefaultSpec": container }),
        json!({ "podSpec": pod, "containerSpec": container }),
        json!({ "podSpec": without_user, "containerSpec": container }),
    ] {
        let (pod, _) = preview(properties.clone(), files.clone()).await;
        assert_eq!(names(&pod["spec"]["initContainers"]), ["init-files"]);
        assert_eq!(breaks_restricted(&pod), Vec::<String>::new(), "{properties}");
    }
}
