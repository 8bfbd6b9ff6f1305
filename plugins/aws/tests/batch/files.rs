//! Files out and back.

use serde_json::json;

use crate::setup::Setup;
use switchyard_cloud_api::fake::aws::BUCKET;

#[tokio::test]
async fn b9_files_of_all_kinds_travel_and_come_back_the_same() {
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let names = ["a file.txt", "nested/deep/er/file", "empty", "binary", "größe ☂.txt", "odd;$(rm -rf x)&'\"#%41+=?*.txt", "-n"];
    let setup = Setup::new("cd \"$WORKING_DIR\" && mkdir back && cp -r -- 'a file.txt' nested empty binary gr* odd* ./-n back/ && ls -A")
        .outputs(&["back/**"]);
    for name in names {
        setup.write(
            name,
            if name == "binary" {
                binary.clone()
            } else if name == "empty" {
                Vec::new()
            } else {
                name.as_bytes().to_vec()
            },
        );
    }
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 0, "{}", setup.host.stdout());
    assert_eq!(setup.host.stdout().lines().count(), names.len() + 1, "{}", setup.host.stdout());
    for name in names {
        assert_eq!(setup.read(&format!("back/{name}")), setup.read(name), "{name}");
    }
    setup.assert_gone();
}

#[tokio::test]
async fn b9_only_what_was_asked_for_comes_back_and_the_output_directory_is_there() {
    let mut setup =
        Setup::new("test -d \"$OUTPUT_DIR\" && echo one > \"$OUTPUT_DIR/a\" && cd \"$WORKING_DIR\" && echo x > out.txt && echo y > other")
            .outputs(&["out.txt"]);
    setup.request.files.output_dir = Some("outputs".into());
    assert_eq!(setup.run().await.unwrap().exit_code, 0, "{}", setup.host.stdout());
    assert_eq!((setup.read("outputs/a"), setup.read("out.txt")), (b"one\n".to_vec(), b"x\n".to_vec()));
    let names: Vec<String> = std::fs::read_dir(setup.directory.path().join("outputs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["a"], "what keeps the folder is not an output");
    assert!(!setup.directory.path().join("other").exists());

    let setup = Setup::new("cd \"$WORKING_DIR\" && echo y > other").with("syncWorkingDirectory", json!(true));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.read("other"), b"y\n");
}

#[tokio::test]
async fn b9_large_files_travel_in_parts() {
    let content: Vec<u8> = (0..20_000_000u32).map(|number| (number >> 7) as u8).collect();
    let setup = Setup::new("cp \"$WORKING_DIR/large\" \"$WORKING_DIR/again\"").outputs(&["again"]);
    setup.write("large", &content);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(setup.read("again") == content);
    assert!(setup.aws.asked("s3.POST") >= 2, "in parts");
    setup.assert_gone();
}

#[tokio::test]
async fn b9_a_link_of_the_host_is_not_followed_and_a_failed_command_brings_nothing() {
    let setup = Setup::new("cd \"$WORKING_DIR\"; ls; echo x > out.txt; exit 3").outputs(&["out.txt"]);
    setup.write("real", "x");
    std::os::unix::fs::symlink("/etc/passwd", setup.directory.path().join("link")).unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 3);
    assert_eq!(setup.host.stdout(), "real\n");
    assert!(!setup.directory.path().join("out.txt").exists());
    setup.assert_gone();
}

#[tokio::test]
async fn b9_what_is_no_file_does_not_fail_the_task() {
    let setup = Setup::new("cd \"$WORKING_DIR\"; ln -s /nowhere dead; echo x > out.txt").outputs(&["out.txt"]);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.read("out.txt"), b"x\n");
    assert!(setup.host.warnings().iter().any(|warning| warning.contains("outputFiles: warning: Skipping")), "{:?}", setup.host.warnings());
    setup.assert_gone();
}

#[tokio::test]
async fn b14_thousands_of_objects_go_and_nothing_else() {
    let setup = Setup::new("true");
    setup.write("input", "x");
    let folder = setup.preview().await.to_string().split(&format!("s3://{BUCKET}/")).nth(1).unwrap().split('/').next().unwrap().to_owned();
    for number in 0..2500 {
        setup.aws.state().objects.insert(format!("{BUCKET}/{folder}/more/{number}"), b"x".to_vec());
    }
    setup.aws.state().objects.insert(format!("{BUCKET}/{folder}-other/x"), b"x".to_vec());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let left: Vec<String> = setup.aws.state().objects.keys().cloned().collect();
    assert_eq!(left, [format!("{BUCKET}/{folder}-other/x")]);

    let setup = Setup::new("true").with("delete", json!(false)).without("jobQueueArn");
    setup.write("input", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let state = setup.aws.state();
    assert_eq!((state.objects.len(), state.queues.len()), (1, 2));
    assert!(state.definitions.values().all(|definition| definition["status"] == "ACTIVE"));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    let setup = Setup::new("true").with("bucket", json!("absent"));
    setup.write("input", "x");
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("aws_batch::not_found", Some("/bucket")), "{error}");
    assert!(error.message.contains("absent"), "{error}");
    assert_eq!(setup.aws.asked("registerjobdefinition"), 0);
}
