//! Plugins that never answer: they are waited for, but not for ever.

use std::time::Duration;

use switchyard_plugin_api::{CancelReason, Error, Placement};

use crate::attempt::Cancel;

/// For questions that people wait for.
const QUESTION: Duration = Duration::from_secs(20);

/// The answer to a question, or an error when none comes.
pub async fn answered<T>(what: &str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(QUESTION, work).await.unwrap_or_else(|_| {
        Err(Error::plugin("plugin::no_answer", format!("its `{what}` has not answered within {} s", QUESTION.as_secs()))
            .with_help("what it waits for may be unreachable; if not, report it to the plugin's author"))
    })
}

/// Resolves when work that was asked to end should have ended long ago. What the host leaves behind when it goes is another matter.
pub async fn overdue(cancel: &Cancel, placement: Placement) -> Error {
    let asked = cancel.requested().await;
    if asked.reason == CancelReason::Detach {
        return std::future::pending().await;
    }
    let time = asked.grace() + slack(placement);
    tokio::time::sleep(time).await;
    Error::plugin(
        "plugin::does_not_end",
        format!("the plugin has not ended its work {} s after it was asked to; it is left alone", time.as_secs()),
    )
    .with_help("its work may go on: look after it where it runs, and report this to the plugin's author")
}

/// What is given besides the grace: other systems end things in their own time.
fn slack(placement: Placement) -> Duration {
    match placement {
        Placement::Local => Duration::from_secs(10),
        Placement::Container => Duration::from_secs(60),
        Placement::Remote => Duration::from_secs(300),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_passed_on_and_what_stays_behind_is_never_overdue() {
        assert_eq!(answered("health", std::future::ready(Ok(1))).await, Ok(1));
        let cancel = Cancel::default();
        assert!(overdue(&cancel, Placement::Local).now_or_never().is_none(), "nobody has asked");
        cancel.request(CancelReason::Detach, Duration::ZERO);
        assert!(overdue(&cancel, Placement::Local).now_or_never().is_none());
        assert!(slack(Placement::Local) < slack(Placement::Container) && slack(Placement::Container) < slack(Placement::Remote));
    }
}
