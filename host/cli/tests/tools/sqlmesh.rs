//! SQLMesh with DuckDB.

use crate::{PROCESS, installed, run, support::Home, task};

#[test]
fn tool_sqlmesh_plans_a_project() {
    let home = Home::new(&["sqlmesh"]);
    let path = installed::path_with(&installed::python("sqlmesh"));
    let flow = format!(
        r#"id: t
namespace: a.b
tasks:
  - id: plan
    type: io.kestra.plugin.sqlmesh.cli.SQLMeshCLI
    {PROCESS}
    env: {{PATH: "{path}", SQLMESH__DISABLE_ANONYMIZED_ANALYTICS: "true", MAX_FORK_WORKERS: "1"}}
    inputFiles:
      config.yaml: |
        gateways: {{local: {{connection: {{type: duckdb, database: db.db}}}}}}
        default_gateway: local
        model_defaults: {{dialect: duckdb, start: 2026-01-01}}
      models/one.sql: |
        MODEL (name demo.one, kind FULL);
        SELECT 1 AS id
    commands:
      - sqlmesh plan --auto-apply --no-prompts && sqlmesh fetchdf "select id + 41 as answer from demo.one"
    outputFiles: [db.db]
"#
    );
    let (execution, ran) = run(&home, &flow, 0);
    assert!(ran.stderr().contains("42"), "{}", ran.stderr());
    assert!(task(&execution, "plan")["outputs"]["outputFiles"]["db.db"].is_string());
}
