//! Questions to systems outside that recordings hold, so that a replay needs no system.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Context, Error, ErrorKind};

/// Service that is told a question. `{"ask": n}` means: ask it, and tell the answer with this number; `{"ok": …}` or `{"error": …}` is
/// the answer itself.
pub(crate) const QUESTION: &str = "outside";
/// Service that is told an answer.
pub(crate) const ANSWER: &str = "outside_answer";

impl Context {
    /// Asks a system outside by `ask`. In a recording the question and its answer are kept; a replay gives the recorded answer, and
    /// asks nobody. Otherwise it costs one call of the host.
    ///
    /// The question is whatever names the request well: method, path and body of an HTTP request, say. It is compared when it is asked
    /// again in a replay, so leave out what differs each time, and what is secret: the host masks only the secrets that it knows.
    ///
    /// ```
    /// # use switchyard_plugin_api::{Context, Error, testkit::Host};
    /// # async fn get(_: &str) -> Result<String, Error> { Ok("RUNNING".into()) }
    /// async fn state(context: &Context, job: &str) -> Result<String, Error> {
    ///     context.outside(&("GET", job), || get(job)).await
    /// }
    /// # switchyard_plugin_api::tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// assert_eq!(state(&Host::new().context(), "/jobs/7").await.unwrap(), "RUNNING");
    /// # });
    /// ```
    pub async fn outside<T, F>(&self, question: &impl Serialize, ask: impl FnOnce() -> F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, Error>>,
    {
        let question = serde_json::to_value(question)
            .map_err(|e| Error::plugin("plugin::payload_not_json", format!("the question cannot be written as JSON: {e}")))?;
        let answer = match self.host().call(QUESTION, question).await {
            Ok(answer) => answer,
            // Every other error is of a host that knows what an answer is and has none.
            Err(error) if error.code == "host::unknown_service" => return ask().await,
            Err(error) => return Err(error),
        };
        if let Some(number) = answer.get("ask") {
            let result = ask().await;
            let told = match &result {
                Ok(value) => serde_json::to_value(value).map(|value| json!({ "ok": value })),
                Err(error) => serde_json::to_value(error).map(|error| json!({ "error": error })),
            };
            if let Ok(told) = told {
                self.host().call(ANSWER, json!({ "ask": number, "result": told })).await?;
            }
            return result;
        }
        if let Some(error) = answer.get("error") {
            let read = serde_json::from_value::<Error>(error.clone());
            return Err(
                read.unwrap_or_else(|e| Error::new(ErrorKind::Internal, "host::service", format!("an error has another shape: {e}")))
            );
        }
        let value = answer.get("ok").cloned().unwrap_or(Value::Null);
        serde_json::from_value(value)
            .map_err(|e| Error::plugin("plugin::unexpected_answer", format!("the recorded answer has another shape: {e}")))
    }
}
