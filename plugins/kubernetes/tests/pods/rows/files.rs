//! Files in and out.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use serde_json::json;

use crate::{
    cluster::{Namespace, kubectl},
    setup::{Setup, none},
};

#[tokio::test]
async fn kube_k29_a_volume_has_many_spellings() {
    let memory = json!({ "emptyDir": { "medium": "Memory" } });
    let disk = json!({ "emptyDir": {} });
    let claim = json!({ "persistentVolumeClaim": { "claimName": "c" } });
    let template = json!({ "ephemeral": { "volumeClaimTemplate": { "spec": { "resources": { "requests": { "storage": "1Gi" } } } } } });
    let spec = template["ephemeral"]["volumeClaimTemplate"]["spec"].clone();
    for (properties, volume) in [
        (none(), &memory),
        (json!({ "fileVolume": {} }), &memory),
        (json!({ "fileVolume": { "medium": "MEMORY" } }), &memory),
        (json!({ "fileVolume": { "medium": "Memory" } }), &memory),
        (json!({ "fileVolume": { "medium": "DISK" } }), &disk),
        (json!({ "fileVolume": { "medium": "Disk" } }), &disk),
        (json!({ "filesVolume": { "medium": "" } }), &disk),
        (json!({ "fileVolume": { "medium": "disk", "sizeLimit": "1Gi" } }), &json!({ "emptyDir": { "sizeLimit": "1Gi" } })),
        (json!({ "fileVolume": { "claimName": "c" } }), &claim),
        (json!({ "fileVolume": { "claim": "c" } }), &claim),
        (json!({ "fileVolume": { "volumeClaimTemplate": spec } }), &template),
        (json!({ "fileVolume": { "volumeClaimTemplate": { "spec": spec } } }), &template),
    ] {
        let mut expected = volume.clone();
        expected["name"] = "kestra-files".into();
        let pod = Setup::new("true", properties.clone()).preview().await;
        assert_eq!(pod["spec"]["volumes"], json!([expected]), "{properties}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k2_a_volume_of_an_existing_claim() {
    let namespace = Namespace::new();
    let size = json!({ "storage": "16Mi" });
    namespace.apply(&json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": namespace.0 }, "spec": {
        "capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": namespace.0,
        "hostPath": { "path": format!("/tmp/{}", namespace.0), "type": "DirectoryOrCreate" } } }));
    namespace.apply(&json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "files" }, "spec": {
        "resources": { "requests": size }, "accessModes": ["ReadWriteOnce"], "storageClassName": namespace.0 } }));
    let setup =
        namespace.setup("cat in.txt; rm in.txt; echo x > out.txt", json!({ "fileVolume": { "claim": "files" } })).outputs(&["out.txt"]);
    setup.write("in.txt", "in\n");
    let outcome = setup.run().await;
    kubectl(&["delete", "persistentvolume", &namespace.0, "--wait=false"]);
    assert_eq!(outcome.unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), setup.read("out.txt").as_str()), ("in\n", "x\n"));
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k2_files_go_in_and_come_back() {
    let namespace = Namespace::new();
    let mut both = namespace.setup("pwd; cat in.txt; ls -A; echo made > out.txt; echo two > $OUTPUT_DIR/two", none()).outputs(&["*.txt"]);
    both.request.files.output_dir = Some("outs".into());
    both.write("in.txt", "brought\n");
    let inward = namespace.setup("cat in.txt", none());
    inward.write("in.txt", "only in\n");
    let outward = namespace.setup("echo only out > out.txt; mkdir -p d; echo deep > d/e.csv", none()).outputs(&["out.txt", "**/*.csv"]);
    let (a, b, c) = tokio::join!(both.run(), inward.run(), outward.run());
    for outcome in [a, b, c] {
        assert_eq!(outcome.unwrap().exit_code, 0);
    }
    assert_eq!(both.host.stdout(), "/kestra/working-dir\nbrought\nin.txt\nouts\n");
    assert_eq!((both.read("out.txt").as_str(), both.read("outs/two").as_str()), ("made\n", "two\n"));
    assert_eq!(inward.host.stdout(), "only in\n");
    assert_eq!((outward.read("out.txt").as_str(), outward.read("d/e.csv").as_str()), ("only out\n", "deep\n"));
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k3_any_tree_is_the_same_there_and_back() {
    let namespace = Namespace::new();
    let mut setup = namespace.setup("cp -a src back; find src -type f | grep -c .", none());
    setup.request.files.shared = true;
    for (name, content) in [
        ("src/nested/deep/file", "deep".as_bytes().to_vec()),
        ("src/with space/ünï\nnewline", b"odd".to_vec()),
        ("src/-dash", b"dash".to_vec()),
        ("src/$(touch x)`y`'\"", b"quotes".to_vec()),
        ("src/empty-file", Vec::new()),
        ("src/big", (0..48_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
    ] {
        setup.write(name, content);
    }
    for n in 0..3000 {
        setup.write(&format!("src/many/{}/{n}", n % 7), n.to_string());
    }
    let root = setup.directory.path();
    std::fs::create_dir(root.join("src/empty-dir")).unwrap();
    std::fs::set_permissions(root.join("src/-dash"), std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("nested/deep/file", root.join("src/link")).unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout().trim(), "3007", "one of the 3006 names has a line end");
    let diff = Command::new("diff").args(["-r", "--no-dereference", "src", "back"]).current_dir(root).output().unwrap();
    assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
    assert!(std::fs::metadata(root.join("back/-dash")).unwrap().permissions().mode() & 0o111 != 0);
    assert!(root.join("back/empty-dir").is_dir());
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k28_a_command_that_is_not_root_can_use_the_files() {
    let namespace = Namespace::new();
    let security = json!({ "runAsUser": 1000, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    let container = json!({ "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } });
    namespace.apply(&json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "limits" },
        "spec": { "limits": [{ "type": "Container", "default": { "memory": "128Mi", "cpu": "500m" }, "max": { "memory": "1Gi" } }] },
    }));
    namespace.kubectl(&["label", "namespace", &namespace.0, "pod-security.kubernetes.io/enforce=restricted"]);
    let setup = namespace
        .setup(
            "id -u; echo more >> in.txt; umask 077; echo private > out.txt",
            json!({ "podSpec": { "securityContext": security }, "containerSpec": container }),
        )
        .outputs(&["*.txt"]);
    setup.write("in.txt", "brought\n");
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, setup.host.stdout().as_str()), (0, "1000\n"), "{outcome:?}");
    assert_eq!((setup.read("in.txt").as_str(), setup.read("out.txt").as_str()), ("brought\nmore\n", "private\n"));
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k2_a_volume_on_disk() {
    let namespace = Namespace::new();
    let setup =
        namespace.setup("grep -c kestra /proc/mounts; cat in.txt", json!({ "fileVolume": { "medium": "DISK", "sizeLimit": "64Mi" } }));
    setup.write("in.txt", "x\n");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.host.stdout().ends_with("x\n"));
}

/// What a hostile image could answer in the place of `tar`: names that leave the directory, links through which later entries would.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_a_tar_that_leaves_the_working_directory_writes_nothing_outside() {
    let namespace = Namespace::new();
    let outside = tempfile::tempdir().unwrap();
    let link = format!("ln -s {} escape; echo x > out.txt; ln -s /etc/passwd secret; ln -s ../.. up", outside.path().display());
    let mut setup = namespace.setup(&link, json!({ "syncWorkingDirectory": true }));
    setup.request.files.outputs = vec!["**".into()];
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.read("out.txt"), "x\n");
    // Nothing that comes later goes through what came before.
    let again = namespace.setup("mkdir escape; echo evil > escape/evil; echo y > out.txt", json!({ "syncWorkingDirectory": true }));
    let mut again = Setup { directory: setup.directory, ..again };
    again.request.files.working_dir = again.directory.path().to_owned();
    again.request.files.outputs = vec!["**".into()];
    let _ = again.run().await;
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    namespace.assert_empty();
}
