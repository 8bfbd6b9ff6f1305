//! Removing a container, whatever happens to the run that created it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions};
use tokio::time::{sleep, timeout};

use crate::{
    container::KEY_LABEL,
    engine::{Engine, chain, status},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Removes its container when it is dropped, unless told to leave it.
#[derive(Debug)]
pub struct Cleanup {
    engine: Arc<Engine>,
    container: Option<String>,
    key: String,
}

impl Cleanup {
    /// Takes responsibility for a container, by id or name, and for what carries the task's key.
    pub fn new(engine: Arc<Engine>, container: impl Into<String>, key: &str) -> Self {
        Self { engine, container: Some(container.into()), key: key.to_owned() }
    }

    /// Leaves the container alone.
    pub fn leave(mut self) {
        self.container = None;
    }

    /// Removes the container now. The removal has its own task: it goes on when the caller is dropped.
    pub async fn finish(mut self) -> Result<(), String> {
        let Some(container) = self.container.take() else { return Ok(()) };
        match tokio::spawn(remove(self.engine.clone(), container, std::mem::take(&mut self.key))).await {
            Ok(result) => result,
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if let (Some(container), Ok(runtime)) = (self.container.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(remove(self.engine.clone(), container, std::mem::take(&mut self.key)));
        }
    }
}

/// Kills and removes a container with its anonymous volumes. One that is gone already is a success; whoever removed it may have left its
/// volume, which the task's key names.
pub async fn remove(engine: Arc<Engine>, container: String, key: String) -> Result<(), String> {
    let mut last = "the engine did not answer".to_owned();
    let attempts = async {
        let mut pause = Duration::from_millis(20);
        loop {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            match engine.docker.remove_container(&container, Some(options)).await {
                Ok(()) => return Ok(()),
                Err(error) => match status(&error) {
                    Some(404) => {
                        remove_volumes(&engine, &key).await;
                        return Ok(());
                    }
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

async fn remove_volumes(engine: &Engine, key: &str) {
    let filters = HashMap::from([("label", vec![format!("{KEY_LABEL}={key}")])]);
    let listed = engine.docker.list_volumes(Some(ListVolumesOptionsBuilder::new().filters(&filters).build())).await;
    for volume in listed.ok().and_then(|listed| listed.volumes).unwrap_or_default() {
        if let Err(error) = engine.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
            tracing::debug!(volume = volume.name, error = chain(&error), "a volume is left");
        }
    }
}
