//! Files to the container and back.

use serde_json::json;

use crate::setup::Setup;

#[tokio::test]
async fn g7_a_script_reads_and_writes_in_the_working_directory() {
    let mut setup = Setup::new("cat $WORKING_DIR/in.txt $WORKING_DIR/deep/in.txt > $WORKING_DIR/out/x; cp $WORKING_DIR/out/x $OUTPUT_DIR/copy; echo left > $WORKING_DIR/other")
        .input("in.txt", "one\n")
        .input("deep/in.txt", "two\n")
        .input("out/here", "");
    setup.request.files.outputs = vec!["out/x".into()];
    setup.request.files.output_dir = Some("outputs".into());
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 0, "{}", setup.host.stderr());
    assert_eq!(setup.output("out/x"), "one\ntwo\n");
    assert_eq!(setup.output("outputs/copy"), "one\ntwo\n");
    assert!(!setup.directory.path().join("other").exists(), "what nobody asked for stays away");
    let marks: Vec<_> = std::fs::read_dir(setup.directory.path().join("outputs")).unwrap().collect();
    assert_eq!(marks.len(), 1, "the mark of a folder is no file: {marks:?}");
    setup.assert_gone();
}

#[tokio::test]
async fn g7_everything_comes_back_when_asked_for_and_nothing_leaves_the_directory() {
    let setup = Setup::new("mkdir -p $WORKING_DIR/a/b; echo 1 > $WORKING_DIR/a/b/c; echo 2 > $WORKING_DIR/d")
        .with("syncWorkingDirectory", json!(true));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.output("a/b/c").as_str(), setup.output("d").as_str()), ("1\n", "2\n"));
    setup.assert_gone();
}

#[tokio::test]
async fn g7_the_command_starts_in_the_image_unless_told_otherwise() {
    for (inside, expected) in [(false, "/\n"), (true, "read\n")] {
        let setup = Setup::new("cat in.txt 2>/dev/null || pwd").input("in.txt", "read\n").with("startInWorkingDirectory", json!(inside));
        assert_eq!(setup.run().await.unwrap().exit_code, 0);
        assert_eq!(setup.host.stdout(), expected);
    }
}

#[tokio::test]
async fn g7_many_files_of_several_megabytes_travel_whole() {
    let mut setup =
        Setup::new("cd $WORKING_DIR; for i in $(seq 40); do cp big copy-$i; done; sha256sum copy-* | cut -d' ' -f1 | sort -u | wc -l");
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(setup.directory.path().join("big"), &content).unwrap();
    setup.request.files.outputs = vec!["copy-*".into()];
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout().trim(), "1");
    for number in 1..=40 {
        assert!(std::fs::read(setup.directory.path().join(format!("copy-{number}"))).unwrap() == content, "{number}");
    }
    setup.assert_gone();
}

#[tokio::test]
async fn g15_files_and_job_stay_without_delete_and_go_with_it_also_after_a_failure() {
    let setup = Setup::new("exit 1").input("in", "").with("delete", json!(false));
    assert_eq!(setup.run().await.unwrap().exit_code, 1);
    assert_eq!(setup.google.asked("DELETE", ""), 0);
    assert_eq!(setup.google.state().jobs.len(), 1);
    assert!(std::fs::read_dir(setup.google.mount()).unwrap().next().is_some());

    let setup = Setup::new("exit 1").input("in", "");
    std::fs::write(setup.google.mount().join("of somebody else"), "").unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 1);
    std::fs::remove_file(setup.google.mount().join("of somebody else")).unwrap();
    setup.assert_gone();
}

#[tokio::test]
async fn an_upload_or_download_that_fails_leaves_nothing() {
    // Uploads are asked for five times before they count as failed; this one is refused at once.
    let setup = Setup::new("true").input("in", "");
    setup.google.state().faults.push(("/upload/".into(), 1, 400));
    setup.run().await.unwrap_err();
    assert_eq!(setup.google.state().created.len(), 0);
    setup.assert_gone();

    let mut setup = Setup::new("echo x > $WORKING_DIR/out");
    setup.request.files.outputs = vec!["out".into()];
    setup.google.state().faults.push(("%2Fout".into(), 1, 403));
    let error = setup.run().await.unwrap_err();
    assert!(error.code == "google::forbidden" && error.help.unwrap().contains("Storage Object Admin"), "{}", error.message);
    setup.assert_gone();
}
