//! A plan that runs while its task reads what it prints.

use std::{collections::VecDeque, task::Poll};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{BoxFuture, Context, Error, LogStream, Outcome, Plan};

/// One line of a program, without its end. A line of more than a mebibyte comes in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Where it was printed.
    pub stream: LogStream,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Take its lines until there are no more, then its end. While nobody takes lines, the program waits as soon as a buffer is full.
pub struct FollowedPlan {
    context: Context,
    run: Option<BoxFuture<Result<Outcome, Error>>>,
    result: Option<Result<Outcome, Error>>,
    lines: VecDeque<Line>,
    over: bool,
}

impl FollowedPlan {
    pub(crate) fn start(context: Context, plan: &Plan) -> Self {
        let payload = json!({ "plan": plan, "follow": true });
        let handle = context.clone();
        let run: BoxFuture<_> = Box::pin(async move { handle.service("run_plan", &payload).await });
        Self { context, run: Some(run), result: None, lines: VecDeque::new(), over: false }
    }

    /// The next line; `None` when the program has ended.
    pub async fn line(&mut self) -> Option<Line> {
        while self.lines.is_empty() && !self.over {
            let context = self.context.clone();
            // Polled first, so that the plan is known before its output is asked for; never dropped before it is done, since it may
            // hold lines already.
            let mut answer: BoxFuture<Result<Option<Vec<Line>>, Error>> =
                Box::pin(async move { context.service("plan_output", &json!({})).await });
            let answer = std::future::poll_fn(|task| {
                // Nested, because plugins are also built with compilers that know no chains of `let`.
                #[allow(clippy::collapsible_if)]
                if let Some(run) = &mut self.run {
                    if let Poll::Ready(result) = run.as_mut().poll(task) {
                        self.result = Some(result);
                        self.run = None;
                    }
                }
                answer.as_mut().poll(task)
            })
            .await;
            match answer {
                Ok(Some(lines)) => self.lines.extend(lines),
                // Without output the plan itself still has its end, or its error.
                Ok(None) | Err(_) => self.over = true,
            }
        }
        self.lines.pop_front()
    }

    /// How the program ended. Lines that were not taken are lost.
    pub async fn end(mut self) -> Result<Outcome, Error> {
        while self.line().await.is_some() {}
        match (self.result, self.run) {
            (Some(result), _) => result,
            (None, Some(run)) => run.await,
            (None, None) => Err(Error::plugin("plugin::no_plan", "the plan was never started")),
        }
    }
}

impl std::fmt::Debug for FollowedPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FollowedPlan").field("over", &self.over).finish_non_exhaustive()
    }
}
