//! Output: all of it, once, in order.

use std::time::Duration;

use serde_json::json;

use crate::{
    cluster::{Namespace, Wire},
    setup::none,
};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k14_many_lines_arrive_once_and_in_order() {
    let namespace = Namespace::new();
    // Older versions of containerd lose what is still in the pipe when a process ends: the file on the node is cut then.
    let setup = namespace.setup("seq 1 50000; sleep 2", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let expected: String = (1..=50_000).map(|n| format!("{n}\n")).collect();
    assert!(setup.host.stdout() == expected, "{} bytes", setup.host.stdout().len());
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k15_bytes_are_kept() {
    let namespace = Namespace::new();
    let command = r#"printf '  two  spaces\n\ttab\n\n\nsame\nsame\n\303\274\n'; head -c 102400 /dev/zero | tr '\0' x; printf '\nno end'"#;
    let setup = namespace.setup(command, none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let expected = format!("  two  spaces\n\ttab\n\n\nsame\nsame\nü\n{}\nno end", "x".repeat(102_400));
    let found = setup.host.stdout();
    assert!(
        found.trim_end_matches('\n') == expected,
        "{} of {}: {:?}",
        found.len(),
        expected.len(),
        &found[found.len().saturating_sub(40)..]
    );
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k16_a_connection_that_breaks_every_second_changes_nothing() {
    let namespace = Namespace::new();
    let wire = Wire::new().await;
    let setup = namespace
        .setup(
            "cat in.bin > out.bin; i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo $i; [ $((i%100)) = 0 ] && sleep 0.1; done; true",
            wire.config(),
        )
        .outputs(&["out.bin"]);
    setup.write("in.bin", vec![3; 8 << 20]);
    let cutting = wire.cut_every(Duration::from_secs(1));
    let outcome = setup.run().await;
    cutting.abort();
    assert_eq!(outcome.unwrap().exit_code, 0, "{:?}", setup.host.warnings());
    let expected: String = (1..=4000).map(|n| format!("{n}\n")).collect();
    assert!(setup.host.stdout() == expected, "{} bytes of {}", setup.host.stdout().len(), expected.len());
    assert_eq!(std::fs::metadata(setup.directory.path().join("out.bin")).unwrap().len(), 8 << 20);
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k17_the_shortest_task_has_its_log() {
    let namespace = Namespace::new();
    let setups: Vec<_> = (0..5).map(|n| namespace.setup(&format!("echo {n}; exit {n}"), json!({}))).collect();
    let running: Vec<_> = setups.iter().map(crate::setup::Setup::spawn).collect();
    for (n, (setup, running)) in setups.iter().zip(running).enumerate() {
        let outcome = running.await.unwrap().unwrap();
        assert_eq!((outcome.exit_code, setup.host.stdout()), (i32::try_from(n).unwrap(), format!("{n}\n")));
    }
    namespace.assert_empty();
}
