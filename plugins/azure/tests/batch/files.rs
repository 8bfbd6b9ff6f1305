//! Files to the node and back.

use serde_json::json;

use crate::setup::Setup;

#[tokio::test]
async fn z7_files_are_where_the_command_starts() {
    let mut setup = Setup::new("cat data.txt ./deep/in.txt $WORKING_DIR/data.txt; cd /; cat $AZ_BATCH_TASK_WORKING_DIR/data.txt; cd - > /dev/null; echo x > $OUTPUT_DIR/x")
        .input("data.txt", "one\n")
        .input("deep/in.txt", "two\n");
    setup.request.files.output_dir = Some("outputs".into());
    assert_eq!(setup.run().await.unwrap().exit_code, 0, "{}", setup.host.stderr());
    assert_eq!(setup.host.stdout(), "one\ntwo\none\none\n");
    assert_eq!(setup.output("outputs/x"), "x\n");
    assert!(!setup.directory.path().join("outputs/.kestradirectory").exists(), "the marker is no output");
    setup.assert_gone();
}

#[tokio::test]
async fn z8_outputs_come_by_glob_from_the_storage_or_from_the_node() {
    for from_node in [false, true] {
        let setup = Setup::new("mkdir -p a/b; echo 1 > a/b/one.csv; echo 2 > two.csv; echo 3 > 'odd name & <x>.csv'; echo 4 > other.txt")
            .input("in.txt", "")
            .outputs(&["**.csv", "missing.txt"]);
        setup.azure.state().keeps_outputs = from_node;
        assert_eq!(setup.run().await.unwrap().exit_code, 0, "{}", setup.host.stderr());
        for (name, content) in [("a/b/one.csv", "1\n"), ("two.csv", "2\n"), ("odd name & <x>.csv", "3\n")] {
            assert_eq!(setup.output(name), content);
        }
        assert!(!setup.directory.path().join("other.txt").exists(), "what nobody asked for stays away");
        assert_eq!(setup.host.warnings().iter().any(|words| words.contains("could not store")), from_node);
        setup.assert_gone();
    }
}

#[tokio::test]
async fn z8_everything_comes_back_when_asked_for_many_files_too() {
    let setup = Setup::new("mkdir d; for i in $(seq 250); do echo $i > d/$i; done").with("syncWorkingDirectory", json!(true));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    for number in [1, 100, 250] {
        assert_eq!(setup.output(&format!("d/{number}")), format!("{number}\n"));
    }
    setup.assert_gone();
}

#[tokio::test]
async fn z7_large_files_travel_whole() {
    let setup = Setup::new("cp big copy").outputs(&["copy"]);
    let content: Vec<u8> = (0..9_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(setup.directory.path().join("big"), &content).unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(std::fs::read(setup.directory.path().join("copy")).unwrap() == content);
}

#[tokio::test]
async fn z17_blobs_of_others_stay_and_with_delete_false_ours_too() {
    for delete in [true, false] {
        let setup = Setup::new("exit 1").input("in", "").with("delete", json!(delete));
        setup.azure.state().blobs.insert("somebody/elses".to_owned(), Vec::new());
        assert_eq!(setup.run().await.unwrap().exit_code, 1);
        let state = setup.azure.state();
        assert!(state.blobs.contains_key("somebody/elses"));
        assert_eq!((state.blobs.len() == 1, state.jobs.is_empty()), (delete, delete));
        if !delete {
            assert_eq!(state.jobs.values().next().unwrap()["state"], "completed", "it does not count as active");
        }
    }
}

#[tokio::test]
async fn an_upload_or_download_that_fails_leaves_nothing() {
    let setup = Setup::new("true").input("in", "");
    setup.azure.state().faults.push(("PUT ".into(), 1, 403, "AuthorizationFailure".into()));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("azure::forbidden", Some("/blobStorage")));
    assert_eq!(setup.made("job"), 0);
    setup.assert_gone();

    let setup = Setup::new("echo x > out").outputs(&["out"]);
    setup.azure.state().faults.push(("outputs/out".into(), 1, 400, "InvalidUri".into()));
    assert_eq!(setup.run().await.unwrap_err().code, "azure::refused");
    setup.assert_gone();
}
