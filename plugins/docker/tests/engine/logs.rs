//! Output: complete, in order, apart, unchanged.

use switchyard_plugin_api::LogStream;

use crate::setup::{Setup, none};

#[tokio::test]
pub async fn docker_d3_both_streams_arrive_complete_and_in_order() {
    let setup = Setup::new("i=0; while [ $i -lt 5000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let lines = |word: &str| (0..5000).map(|i| format!("{word} {i}\n")).collect::<String>();
    assert_eq!(setup.host.stdout(), lines("out"));
    assert_eq!(setup.host.stderr(), lines("err"));
}

#[tokio::test]
pub async fn docker_d4_a_long_line_arrives_whole() {
    let setup = Setup::new(r#"printf '::{"outputs":{"a":"'; head -c 200000 /dev/zero | tr '\0' x; printf '"}}::\n'"#, none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), format!("::{{\"outputs\":{{\"a\":\"{}\"}}}}::\n", "x".repeat(200_000)));
}

#[tokio::test]
pub async fn docker_d5_bytes_are_not_changed() {
    let text = format!("{}ä{}€{}🚂", "a".repeat(1023), "b".repeat(16_381), "c".repeat(32_767));
    let setup = Setup::new("cat text; printf '\\377\\n\\001'", none());
    setup.write("text", &text);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.bytes(LogStream::Stdout), [text.as_bytes(), b"\xff\n\x01"].concat());
}

#[tokio::test]
pub async fn a_command_that_closes_its_output_is_awaited() {
    let setup = Setup::new("echo last; exec >&- 2>&-; sleep 1; exit 5", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 5);
    assert_eq!(setup.host.stdout(), "last\n");
}

#[tokio::test]
pub async fn docker_d24_output_does_not_depend_on_what_the_engine_keeps() {
    // The engine keeps nothing of the lines that were pushed out of a small file; what was attached before has them all.
    let setup = Setup::new("i=0; while [ $i -lt 20000 ]; do echo line number $i; i=$((i+1)); done", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout().lines().count(), 20_000);
}
