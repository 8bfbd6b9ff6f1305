mod crash;
mod damage;
mod keeping;

use super::{Record, Summary};

pub(super) fn record(execution: &str, seq: u32) -> Record {
    Record { execution_id: execution.to_owned(), seq, kind: "task-run".to_owned(), payload: format!(r#"{{"seq":{seq}}}"#).into_bytes() }
}

pub(super) fn summary(id: &str, state: &str) -> Summary {
    Summary {
        id: id.to_owned(),
        namespace: "company.team".to_owned(),
        flow_id: "hello".to_owned(),
        state: state.to_owned(),
        finished: state == "SUCCESS",
        created: 1_000,
        updated: 2_000,
        document: None,
    }
}
