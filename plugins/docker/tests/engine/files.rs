//! Files in, files out, and who owns them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use serde_json::json;
use switchyard_plugin_api::Phase;

use crate::setup::{BuiltImage, Setup, none};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
pub async fn docker_d7_every_kind_of_input_file_arrives() {
    let long = "n".repeat(250);
    let script = format!(
        "set -e; cd \"$WORKING_DIR\"; cat a/b/c.txt; ./run.sh; readlink link; cat link; test -d empty; cat d/{long}/{long}; stat -c %a run.sh a/b/c.txt"
    );
    let setup = Setup::new(&script, none());
    setup.write("a/b/c.txt", "nested\n");
    setup.write("run.sh", "#!/bin/sh\necho executed\n");
    setup.write(&format!("d/{long}/{long}"), "long\n");
    let root = setup.directory.path();
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(root.join("a/b/c.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    symlink("a/b/c.txt", root.join("link")).unwrap();
    let outcome = setup.run().await.unwrap();
    assert_eq!(setup.host.stderr(), "");
    assert_eq!(setup.host.stdout(), "nested\nexecuted\na/b/c.txt\nnested\nlong\n755\n640\n");
    assert_eq!(outcome.exit_code, 0);
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d7_output_files_keep_mode_and_kind() {
    let script =
        "mkdir -p s/t; echo 1 > s/t/q.csv; echo x > run.sh; chmod 751 run.sh; ln -s s/t/q.csv link; ln s/t/q.csv hard; echo no > other";
    let setup = Setup::new(script, none()).outputs(&["**/*.csv", "run.*", "link", "hard"]);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let root = setup.directory.path();
    assert_eq!(setup.read("s/t/q.csv"), "1\n");
    assert_eq!(mode(&root.join("run.sh")), 0o751);
    assert_eq!(fs::read_link(root.join("link")).unwrap(), Path::new("s/t/q.csv"));
    assert_eq!(setup.read("hard"), "1\n");
    assert!(!root.join("other").exists());
    assert_eq!(setup.host.warnings(), Vec::<String>::new());
    assert_eq!(setup.host.phases(), [Phase::Starting, Phase::Running, Phase::StagingOut, Phase::Done]);
}

#[tokio::test]
pub async fn docker_d8_a_user_of_the_image_may_write_output_files() {
    let image = BuiltImage::with("echo 'app:x:1000:1000::/:/bin/sh' >> /etc/passwd", &["USER app"]);
    let script = "set -e; id -u; cat in.txt; echo a > out.txt; echo b > \"$OUTPUT_DIR/b.txt\"; echo c >> in.txt";
    for properties in [json!({}), json!({ "user": "app" }), json!({ "user": "1000:1000" }), json!({ "fileHandlingStrategy": "MOUNT" })] {
        let mut setup = Setup::new(script, properties.clone()).image(&image.0).outputs(&["out.txt"]);
        setup.request.files.output_dir = Some("outputs".to_owned());
        setup.write("in.txt", "input\n");
        fs::create_dir(setup.directory.path().join("outputs")).unwrap();
        if properties.get("fileHandlingStrategy").is_some() {
            fs::set_permissions(setup.directory.path().join("in.txt"), fs::Permissions::from_mode(0o666)).unwrap();
        }
        let outcome = setup.run().await.unwrap();
        assert_eq!((setup.host.stdout().as_str(), setup.host.stderr().as_str()), ("1000\ninput\n", ""), "{properties}");
        assert_eq!(outcome.exit_code, 0, "{properties}");
        assert_eq!((setup.read("out.txt").as_str(), setup.read("outputs/b.txt").as_str()), ("a\n", "b\n"), "{properties}");
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn docker_d8_a_user_without_files_may_write_to_its_working_directory() {
    let setup = Setup::new("echo x > y && cat y", json!({ "user": 1234 }));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), setup.host.stderr().as_str()), ("x\n", ""));
}

#[tokio::test]
pub async fn docker_d9_mounted_files_are_not_copied() {
    let setup = Setup::new("cat in.txt; echo out > out.txt", json!({ "fileHandlingStrategy": "MOUNT" })).outputs(&["out.txt"]);
    setup.write("in.txt", "in\n");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), setup.read("out.txt").as_str()), ("in\n", "out\n"));
    assert_eq!(setup.host.phases(), [Phase::Starting, Phase::Running, Phase::Done], "no archive travels");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d10_nothing_is_written_outside_the_directory() {
    let script = "ln -s /etc/passwd absolute; ln -s ../x climbing; mkdir d; ln -s ../../y d/deep; echo in > inside; ln inside hard; \
        mkfifo pipe; mknod device c 1 3; ln -s inside fine";
    let mut setup = Setup::new(script, none());
    setup.request.files.shared = true;
    setup.write("kept.txt", "kept");
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, setup.host.stderr().as_str()), (0, ""));
    let root = setup.directory.path();
    let mut names: Vec<String> = fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["d", "fine", "hard", "inside", "kept.txt"]);
    assert_eq!(setup.read("hard"), "in\n");
    let mut warned: Vec<String> = setup.host.warnings().iter().map(|w| w.split(' ').next().unwrap().to_owned()).collect();
    warned.sort();
    assert_eq!(warned, ["absolute", "climbing", "d/deep", "device", "pipe"]);
}

#[tokio::test]
pub async fn docker_d10_an_output_file_does_not_change_what_an_input_file_is_linked_to() {
    let mut setup = Setup::new("echo changed > in.txt", none());
    setup.request.files.shared = true;
    let storage = tempfile::NamedTempFile::new().unwrap();
    fs::write(storage.path(), "original").unwrap();
    fs::hard_link(storage.path(), setup.directory.path().join("in.txt")).unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.read("in.txt"), "changed\n");
    assert_eq!(fs::read_to_string(storage.path()).unwrap(), "original");
}

#[tokio::test]
pub async fn a_declared_file_that_was_not_made_is_no_failure_of_the_runner() {
    let setup = Setup::new("true", none()).outputs(&["missing.txt"]);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(!setup.directory.path().join("missing.txt").exists());
}

#[tokio::test]
pub async fn docker_d31_a_failed_upload_leaves_nothing() {
    let setup = Setup::new("true", none());
    let path = setup.directory.path().join("big");
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let running = setup.spawn();
    let is_open = || fs::read_dir("/proc/self/fd").unwrap().any(|fd| fs::read_link(fd.unwrap().path()).is_ok_and(|p| p == path));
    while !is_open() && !running.is_finished() {
        tokio::task::yield_now().await;
    }
    fs::File::options().write(true).open(&path).unwrap().set_len(1).unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code, "docker::upload_failed", "{error}");
    assert!(error.message.contains("became shorter"), "{error}");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d31_a_failed_start_leaves_nothing() {
    let setup = Setup::new("true", json!({ "user": "no-such-user" }));
    setup.write("in.txt", "x");
    let error = setup.run().await.unwrap_err();
    assert!(error.message.contains("no-such-user"), "{error}");
    setup.assert_gone();
}

#[tokio::test]
pub async fn what_cannot_be_copied_is_named() {
    let setup = Setup::new("ls", none());
    let pipe = setup.directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.warnings(), [format!("{} is a pipe and is not copied", pipe.display())]);
    assert_eq!(setup.host.stdout(), "");
}
