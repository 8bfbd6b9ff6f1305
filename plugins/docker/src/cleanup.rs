//! Removing a container, whatever happens to the run that created it.

use std::{sync::Arc, time::Duration};

use bollard::query_parameters::RemoveContainerOptionsBuilder;
use tokio::time::{sleep, timeout};

use crate::engine::{Engine, chain, status};

const DEADLINE: Duration = Duration::from_secs(60);

/// Removes its container when it is dropped, unless told to leave it.
#[derive(Debug)]
pub struct Cleanup {
    engine: Arc<Engine>,
    container: Option<String>,
}

impl Cleanup {
    /// Takes responsibility for a container, by id or name.
    pub fn new(engine: Arc<Engine>, container: impl Into<String>) -> Self {
        Self { engine, container: Some(container.into()) }
    }

    /// Leaves the container alone.
    pub fn leave(mut self) {
        self.container = None;
    }

    /// Removes the container now. The removal has its own task: it goes on when the caller is dropped.
    pub async fn finish(mut self) -> Result<(), String> {
        let Some(container) = self.container.take() else { return Ok(()) };
        match tokio::spawn(remove(self.engine.clone(), container)).await {
            Ok(result) => result,
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if let (Some(container), Ok(runtime)) = (self.container.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(remove(self.engine.clone(), container));
        }
    }
}

/// Kills and removes a container with its anonymous volumes. One that is gone already is a success.
pub async fn remove(engine: Arc<Engine>, container: String) -> Result<(), String> {
    let mut last = "the engine did not answer".to_owned();
    let attempts = async {
        let mut pause = Duration::from_millis(20);
        loop {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            match engine.docker.remove_container(&container, Some(options)).await {
                Ok(()) => return Ok(()),
                Err(error) => match status(&error) {
                    Some(404) => return Ok(()),
                    Some(code) if code != 409 && code < 500 => return Err(chain(&error)),
                    // 409: a removal is in progress. Anything else may pass.
                    _ => last = chain(&error),
                },
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    };
    match timeout(DEADLINE, attempts).await {
        Ok(result) => result,
        Err(_) => Err(format!("not removed within {} s: {last}", DEADLINE.as_secs())),
    }
}
