use serde_json::json;

use crate::support::Host;

#[tokio::test(flavor = "multi_thread")]
async fn kv_tasks_and_the_function_see_the_same_keys_4_4() {
    let host = Host::default();
    let ran = host
        .run(
            r#"  - {id: set, type: io.kestra.plugin.core.kv.Set, key: map, value: "{{ {'a': [1, 2]} }}"}
  - {id: text, type: io.kestra.plugin.core.kv.Set, key: text, value: "{{ 41 }} and one", namespace: other}
  - {id: get, type: io.kestra.plugin.core.kv.Get, key: map}
  - {id: none, type: io.kestra.plugin.core.kv.Get, key: nothing}
  - {id: keys, type: io.kestra.plugin.core.kv.GetKeys, prefix: m}
  - {id: fn, type: io.kestra.plugin.core.debug.Return, format: "{{ kv('map').a[1] }} {{ kv('text', 'other') }} {{ kv('no') ?? 'none' }}"}
  - {id: again, type: io.kestra.plugin.core.kv.Set, key: map, value: x, overwrite: false, allowFailure: true}
  - {id: del, type: io.kestra.plugin.core.kv.Delete, key: map}
  - {id: gone, type: io.kestra.plugin.core.kv.Delete, key: map, errorOnMissing: true, allowFailure: true}
"#,
        )
        .await
        .expect("WARNING");
    assert_eq!(ran.outputs("get"), json!({ "value": { "a": [1, 2] } }));
    assert_eq!(ran.outputs("none"), json!({ "value": null }));
    assert_eq!(ran.outputs("keys"), json!({ "keys": ["map"] }));
    assert_eq!(ran.outputs("fn")["value"], "2 41 and one none");
    assert!(ran.said("again")[0].contains("kv::exists"), "{:#?}", ran.log);
    assert_eq!(ran.outputs("del"), json!({ "deleted": true }));
    assert!(ran.said("gone")[0].contains("kv::missing"), "{:#?}", ran.log);
    // Another host with the same storage sees them.
    let again = host.run("  - {id: get, type: io.kestra.plugin.core.kv.Get, key: text, namespace: other}\n").await.expect("SUCCESS");
    assert_eq!(again.outputs("get")["value"], "41 and one");
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_of_a_flow_a_namespace_or_a_value_4_4() {
    let host = Host::default();
    let ran = host
        .run(
            r#"  - {id: one, type: io.kestra.core.tasks.states.Set, data: {a: 1}}
  - {id: two, type: io.kestra.plugin.core.state.Set, data: {b: "{{ flow.id }}"}}
  - {id: get, type: io.kestra.plugin.core.state.Get}
  - {id: shared, type: io.kestra.plugin.core.state.Set, name: n, namespace: true, data: {c: 1}}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [x, y]
    tasks:
      - {id: in, type: io.kestra.plugin.core.state.Set, data: {v: "{{ taskrun.value }}"}}
  - {id: missing, type: io.kestra.plugin.core.state.Get, name: no}
  - {id: del, type: io.kestra.plugin.core.state.Delete}
  - {id: keys, type: io.kestra.plugin.core.kv.GetKeys}
"#,
        )
        .await
        .expect("SUCCESS");
    assert_eq!(ran.outputs("two")["count"], 2);
    assert_eq!(ran.outputs("two")["key"], "t_states_default");
    assert_eq!(ran.outputs("get")["data"], json!({ "a": 1, "b": "t" }));
    assert_eq!(ran.outputs("missing"), json!({ "count": 0, "data": {} }));
    let keys = ran.outputs("keys")["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 3, "{keys}");
    assert!(keys.as_array().unwrap().contains(&json!("states_n")), "{keys}");
}
