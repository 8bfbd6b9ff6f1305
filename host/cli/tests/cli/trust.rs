//! `plugins lock` and what it forbids.

use crate::stage::Stage;

#[test]
fn a_locked_host_uses_what_was_accepted() {
    let stage = Stage::new();
    stage.shell(&["echo works"]);
    let ran = stage.switchyard(&["run", "flow.yaml", "--locked"]).expect(2);
    assert!(ran.stderr.contains("registry::unknown_type"), "{}", ran.stderr);
    let list = stage.switchyard(&["plugins", "list", "--locked"]).expect(0).text();
    assert!(list.contains("[plugin::no_lock]") && list.contains("`switchyard plugins lock`"), "{list}");

    let lock = stage.switchyard(&["plugins", "lock"]).expect(0).text();
    assert!(lock.contains("plugins/plugins.lock") && lock.contains("+ scripts "), "{lock}");
    stage.write("switchyard.yaml", "plugins:\n  trust:\n    locked: true\n");
    assert_eq!(stage.switchyard(&["run", "flow.yaml"]).expect(0).log(), ["works"]);

    stage.bring("misbehave");
    let check = stage.switchyard(&["plugins", "check", "plugins/libswitchyard_plugin_misbehave.so"]).expect(1).text();
    assert!(check.contains("lock") && check.contains("it is misbehave 0.1.0, which plugins.lock does not pin"), "{check}");
    assert_eq!(stage.switchyard(&["run", "flow.yaml"]).expect(0).log(), ["works"]);
    // Accepting needs no permission of the lock that it replaces.
    let lock = stage.switchyard(&["plugins", "lock"]).expect(0).text();
    assert!(lock.contains("+ misbehave 0.1.0") && lock.contains("= scripts"), "{lock}");
}
