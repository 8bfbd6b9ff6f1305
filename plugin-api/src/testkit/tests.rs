//! The kit finds what it looks for: a runner that does everything right, and ones that each do one thing wrong.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::{
    Capabilities, Context, Description, Error, FailureReason, FileStrategy, LogStream, Outcome, Phase, Plan, PlanContext, PlanFile,
    RunRequest, Task, TaskOutcome, TaskRequest,
};

/// Runs commands with the standard library, and does one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fault {
    #[default]
    None,
    DropsStderr,
    ExitCode,
    Panics,
    IgnoresCancel,
    NoPhases,
    LosesLastByte,
}

#[derive(Default)]
struct Plain(Fault);

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlainProperties {
    /// A word.
    #[serde(default)]
    #[allow(dead_code)]
    word: String,
}

impl TaskRunner for Plain {
    type Properties = PlainProperties;
    const TYPE: &'static str = "org.example.Plain";

    fn describe(&self) -> Description {
        Description::new("Runs commands.").runnable_example(
            "One",
            "id: a\nnamespace: b\ntasks:\n  - id: c\n    taskRunner:\n      type: org.example.Plain\n      word: x\n",
        )
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { file_strategies: vec![FileStrategy::Shared], ..Capabilities::default() }
    }

    async fn run(&self, request: RunRequest<PlainProperties>, context: Context) -> Result<Outcome, Error> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        RUNS.fetch_add(1, Ordering::Relaxed);
        let fault = self.0;
        if fault == Fault::Panics {
            panic!("as it was told");
        }
        let Some((program, arguments)) = request.command.argv.split_first() else {
            return Err(Error::user("test::empty", "nothing to run"));
        };
        if request.command.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(Error::user("test::nul", "a NUL character"));
        }
        if fault != Fault::NoPhases {
            context.phase(Phase::Running);
        }
        let mut command = std::process::Command::new(program);
        command.args(arguments).envs(&request.command.env).current_dir(&request.files.working_dir);
        command.stdin(std::process::Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.map_err(|_| Error::plugin("test::lost", "lost"))?;
        let mut output = output.map_err(|error| Error::task("test::start", error.to_string()))?;
        if fault == Fault::LosesLastByte {
            output.stdout.pop();
        }
        context.write_log(LogStream::Stdout, &output.stdout).await;
        if fault != Fault::DropsStderr {
            context.write_log(LogStream::Stderr, &output.stderr).await;
        }
        let code = if fault == Fault::ExitCode { 0 } else { output.status.code().unwrap_or(-1) };
        if context.cancellation().is_some() && fault != Fault::IgnoresCancel {
            return Ok(Outcome::exited(code).because(FailureReason::Killed, "killed"));
        }
        Ok(Outcome::exited(code))
    }
}

fn verdict(fault: Fault, behaviour: &str) -> Row {
    let typed = TypedRunner::new(Plain(fault));
    let component = typed.component();
    let options = Options { patience: 10, flood: 1 << 20, slack: Some(1), ..Options::default() };
    let report = run_some(Arc::new(typed), &component, options, &[behaviour], |_| {}, |_| {});
    report.rows.into_iter().next().unwrap_or_else(|| panic!("{behaviour} is no behaviour"))
}

#[test]
fn each_fault_is_found_by_its_behaviour_and_only_with_the_fault() {
    for (fault, behaviour, says) in [
        (Fault::DropsStderr, "logs.streams", "standard error has 0 bytes"),
        (Fault::ExitCode, "outcome.exit_codes", "the exit code is 0, not 1"),
        (Fault::Panics, "outcome.exit_codes", "as it was told"),
        (Fault::NoPhases, "outcome.phases", "`running` was never reported"),
        (Fault::LosesLastByte, "logs.flood", "1048575 bytes arrived instead of 1048576"),
        (Fault::LosesLastByte, "logs.complete", "differs at byte"),
    ] {
        let found = verdict(fault, behaviour);
        assert!(found.failed() && found.reason().is_some_and(|reason| reason.contains(says)), "{fault:?}: {found:?}");
        assert_eq!(verdict(Fault::None, behaviour).verdict, Verdict::Passed, "{behaviour}");
    }
}

#[test]
fn a_run_that_goes_on_is_found() {
    let found = verdict(Fault::IgnoresCancel, "cancel.before");
    assert!(found.reason().is_some_and(|reason| reason.contains("had not ended after")), "{found:?}");
}

#[test]
fn what_is_not_promised_is_not_asked() {
    for behaviour in ["attach.checkpoint", "preview.shows", "logs.merged", "cancel.graceful"] {
        let row = verdict(Fault::None, behaviour);
        assert!(matches!(row.verdict, Verdict::NotApplicable { .. }), "{row:?}");
    }
}

#[test]
fn the_runner_that_does_it_right_passes_what_it_can() {
    for behaviour in [
        "manifest.description",
        "manifest.schema",
        "manifest.examples",
        "validate.accepts",
        "validate.refuses",
        "paths.names",
        "health.answers",
        "files.input",
        "files.output",
        "files.output_dir",
        "input.arguments",
        "input.environment",
        "attach.unknown",
        "leak.runs",
    ] {
        assert_eq!(verdict(Fault::None, behaviour).verdict, Verdict::Passed, "{behaviour}");
    }
}

#[test]
fn a_report_reads_well() {
    let mut report = Report::new("org.example.Plain");
    for (behaviour, verdict) in [
        ("a.one", Verdict::Passed),
        ("a.two", Verdict::Failed { reason: "two\nlines".to_owned() }),
        ("a.three", Verdict::NotApplicable { reason: "not promised".to_owned() }),
    ] {
        report.rows.push(Row { behaviour: behaviour.to_owned(), title: "does".to_owned(), verdict, millis: 1 });
    }
    assert!(!report.passed());
    assert!(report.to_string().starts_with("org.example.Plain: 1 passed, 1 failed, 1 not applicable\n  passed  a.one"));
    assert!(report.markdown().contains("| `a.two` | does | **failed** | two<br>lines |"));
    let read: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap_or_default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read, report);
}

/// A task that does everything right, or one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum TaskFault {
    #[default]
    None,
    NoProgram,
    Random,
    Outside,
    Ignores,
    Hangs,
}

macro_rules! task {
    ($name:ident, $type_name:literal, $planned:literal) => {
        #[derive(Default)]
        struct $name(TaskFault);

        impl Task for $name {
            type Properties = PlainProperties;
            const TYPE: &'static str = $type_name;
            const PLANNED: bool = $planned;

            fn describe(&self) -> Description {
                let flow = concat!("id: a\nnamespace: b\ntasks:\n  - id: c\n    type: ", $type_name, "\n    timeout: PT1M\n    word: x\n");
                Description::new("Says a word.").example("One", flow)
            }

            fn plan(&self, properties: &PlainProperties, _: &PlanContext) -> Result<Plan, Error> {
                static COUNT: AtomicU32 = AtomicU32::new(0);
                let mut plan = Plan { argv: vec!["echo".into(), properties.word.clone()], ..Plan::default() };
                match self.0 {
                    TaskFault::NoProgram => plan.argv.clear(),
                    TaskFault::Random => plan.argv.push(COUNT.fetch_add(1, Ordering::Relaxed).to_string()),
                    TaskFault::Outside => plan.files.push(PlanFile { path: "../x".into(), content: String::new(), executable: false }),
                    _ => {}
                }
                Ok(plan)
            }

            async fn run(&self, request: TaskRequest<PlainProperties>, context: Context) -> Result<TaskOutcome, Error> {
                if self.0 == TaskFault::Hangs {
                    std::future::pending::<()>().await;
                }
                let outcome = context.run_plan(&self.plan(&request.properties, &request.plan)?).await?;
                let failed = outcome.exit_code != 0 && self.0 != TaskFault::Ignores;
                Ok(TaskOutcome { failure: failed.then(|| "it failed".to_owned()), ..TaskOutcome::default() })
            }
        }
    };
}

task!(Planned, "org.example.Planned", true);
task!(Itself, "org.example.Itself", false);

crate::testkit::task_conformance!(a_planned_task_conforms: Planned, Options::default());
crate::testkit::task_conformance!(a_task_that_works_itself_conforms: Itself, Options::default());

#[test]
fn each_fault_of_a_task_is_one_row() {
    for (report, row) in [
        (run_task(Planned(TaskFault::NoProgram), Options::default()), "plan.command"),
        (run_task(Planned(TaskFault::Random), Options::default()), "plan.same"),
        (run_task(Planned(TaskFault::Outside), Options::default()), "plan.command"),
        (run_task(Itself(TaskFault::Ignores), Options::default()), "run.exit_code"),
        (
            run_task(
                Itself(TaskFault::Hangs),
                Options { skip: [("run.exit_code".into(), "it hangs".into())].into(), ..Options::default() },
            ),
            "run.cancelled",
        ),
    ] {
        let failed: Vec<&str> = report.failures().map(|row| row.behaviour.as_str()).collect();
        assert_eq!(failed, [row], "{report}");
    }
}
