use std::{env, hint::black_box, sync::Arc};

use serde_json::Value;
use switchyard_engine::process::{ProcessProperties, ProcessRunner};
use switchyard_plugin_api::{
    BoxFuture, Cancellation, Command, Context, Error as PluginError, Event, Files, HostContext, LogStream, RunRequest, TaskRunner,
};

use crate::error::{Error, Result};

/// `spawn COUNT HEAP PROGRAM ARGS`: the Process runner starts the program `COUNT` times, one after the other, while `HEAP` megabytes
/// of written memory belong to this process. Prints the seconds that the runs took.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count, heap, argv @ ..] = arguments else {
        return Err(Error::Usage("spawn COUNT HEAP PROGRAM ARGS".to_owned()));
    };
    let number = |text: &String| text.parse::<usize>().map_err(|_| Error::Usage(format!("`{text}` is not a number")));
    let (count, heap) = (number(count)?, vec![1_u8; number(heap)? << 20]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Run(format!("no runtime: {error}")))?;
    let begin = std::time::Instant::now();
    runtime.block_on(turns(count, argv))?;
    println!("{}", begin.elapsed().as_secs_f64());
    black_box(heap);
    Ok(())
}

async fn turns(count: usize, argv: &[String]) -> Result<()> {
    let context = Context::new(Arc::new(Deaf));
    for _ in 0..count {
        let request = RunRequest {
            task: Default::default(),
            properties: ProcessProperties::default(),
            config: Value::Null,
            command: Command { argv: argv.to_vec(), ..Command::default() },
            files: Files { working_dir: env::temp_dir(), ..Files::default() },
            timeout_ms: None,
        };
        let outcome = ProcessRunner::default()
            .run(request, context.clone())
            .await
            .map_err(|error| Error::Run(format!("{}: {error}", argv.join(" "))))?;
        if outcome.exit_code != 0 {
            return Err(Error::Run(format!("{} ended with {}", argv.join(" "), outcome.exit_code)));
        }
    }
    Ok(())
}

/// A host that takes everything, keeps nothing, and never cancels.
struct Deaf;

impl HostContext for Deaf {
    fn try_write_log(&self, _: LogStream, _: i64, _: &[u8]) -> bool {
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, _: Event) {}

    fn call(&self, service: &str, _: Value) -> BoxFuture<std::result::Result<Value, PluginError>> {
        let error = PluginError::plugin("host::unknown_service", service);
        Box::pin(async { Err(error) })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        Box::pin(std::future::pending())
    }

    fn cancellation(&self) -> Option<Cancellation> {
        None
    }
}
