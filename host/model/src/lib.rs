//! Flows, tasks, inputs and executions as plain data, with source spans and validation.
