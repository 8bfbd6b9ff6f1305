use std::{path::Path, sync::Arc, time::Duration, time::Instant};

use switchyard_engine::{Config, Engine, Options, Submission, Unobserved, built_in, config::Shared, load};
use switchyard_model::{Sources, State};
use switchyard_registry::Registry;
use switchyard_store::secrets::Secrets;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::error::{Error, Result};

const FLOW: &str = r#"
id: two
namespace: bench
inputs:
  - id: name
    type: STRING
tasks:
  - id: values
    type: io.kestra.plugin.core.output.OutputValues
    values:
      greeting: "Hello, {{ inputs.name }}"
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.values.values.greeting }}"
"#;

/// `executions COUNT WIDTH JOURNAL FOLDER`: an engine with its data in `FOLDER` runs a flow of two core tasks `COUNT` times, at most
/// `WIDTH` at a time. `JOURNAL` is `on`, `off` or the URL of a PostgreSQL database. Prints the seconds until everything is durable.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count, width, journal, folder] = arguments else {
        return Err(Error::Usage("executions COUNT WIDTH JOURNAL FOLDER".to_owned()));
    };
    let number = |text: &String| text.parse::<usize>().map_err(|_| Error::Usage(format!("`{text}` is not a number")));
    let (count, width) = (number(count)?, number(width)?);
    let registry = Registry::open(switchyard_registry::Options::new(Path::new(folder).join("plugins"), Vec::new()), vec![built_in(None)]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::Run(format!("no runtime: {error}")))?;
    let options = Options {
        data_dir: folder.into(),
        work_dir: Path::new(folder).join("work"),
        journal: journal == "on",
        durable: false,
        keeper: None,
        patience: std::time::Duration::from_secs(2),
        slots: 8,
        grace: Duration::from_secs(5),
        config: Arc::new(Config { journal: journal.contains("://").then(|| Shared::at(journal)), ..Config::default() }),
        secrets: Arc::new(Secrets::default()),
    };
    runtime.block_on(async move {
        let loaded = load::bytes_of("flow", FLOW.as_bytes(), &registry, &Config::default(), &mut Sources::new());
        let flow = loaded.ok().and_then(|loaded| loaded.program).ok_or_else(|| Error::Run("the flow is not valid".to_owned()))?;
        let engine = Engine::start(options, registry, Arc::new(Unobserved)).map_err(|error| Error::Run(error.to_string()))?;
        let begin = Instant::now();
        let places = Arc::new(Semaphore::new(width));
        let mut running = JoinSet::new();
        for number in 0..count {
            let place = Arc::clone(&places).acquire_owned().await.map_err(|error| Error::Run(error.to_string()))?;
            let inputs = [("name".to_owned(), number.to_string().into())].into_iter().collect();
            let submission = Submission { inputs, ..Submission::default() };
            let handle = engine.submit(Arc::clone(&flow), submission).await.map_err(|refused| Error::Run(format!("{refused:?}")))?;
            running.spawn(async move {
                let state = handle.wait().await.state.current();
                drop(place);
                state
            });
        }
        while let Some(state) = running.join_next().await {
            match state {
                Ok(State::Success) => {}
                other => return Err(Error::Run(format!("an execution ended as {other:?}"))),
            }
        }
        engine.stop().await;
        println!("{}", begin.elapsed().as_secs_f64());
        Ok(())
    })
}
