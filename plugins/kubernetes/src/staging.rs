//! Files of a pod that is followed: in before its command starts, out when it has ended.

use std::pin::pin;

use k8s_openapi::api::core::v1::Pod;
use switchyard_plugin_api::{
    prelude::*,
    transfer::{Moved, Wanted},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    cluster::Sight,
    error::Failure,
    files,
    follow::{Following, Interruption, interruption},
    pod::{OUTPUT, UPLOAD},
    start::Starting,
    state,
};

impl Following<'_> {
    /// Copies in what the task gets.
    pub(crate) async fn upload(&mut self, starting: &mut Starting<'_>) -> Result<(), Interruption> {
        let context = &self.run.context;
        context.phase(Phase::StagingIn);
        let began = Instant::now();
        let request = &self.run.request.files;
        let (cluster, namespace, pod) = (&self.run.cluster, &self.remains.namespace, &self.remains.pod);
        let uploading = files::upload(cluster, namespace, pod, &request.working_dir, request.output_dir.as_deref());
        let mut uploading = pin!(uploading);
        let moved = loop {
            tokio::select! {
                moved = &mut uploading => break moved,
                () = self.tracked.changed() => match self.tracked.now() {
                    // A marker whose confirmation got lost.
                    Sight::There(pod) if state::uid(&pod) == self.remains.uid && state::end(&pod, UPLOAD).is_some_and(|e| e.exit_code == 0) => {
                        break Ok(Moved::default());
                    }
                    Sight::There(pod) if state::uid(&pod) == self.remains.uid && state::is_deleting(&pod) => {
                        return Err(Interruption::Failed(self.reason_of_end(&pod)));
                    }
                    Sight::Gone(Some(pod)) if state::uid(&pod) == self.remains.uid => {
                        return Err(Interruption::Failed(self.reason_of_end(&pod)));
                    }
                    Sight::Lost(failure) => return Err(Interruption::Failed(*failure)),
                    _ => {}
                },
                asked = context.cancelled() => return Err(interruption(asked)),
            }
        };
        moved?.report(&self.run.context);
        // The time limits are those of the cluster, not of our network.
        starting.pass(began.elapsed());
        // Only now the image of the task's own container is fetched.
        context.phase(Phase::Pulling);
        Ok(())
    }

    /// Copies out what the task declared.
    pub(crate) async fn fetch(&mut self, pod: &Pod, succeeded: bool) -> Result<(), Failure> {
        let files = &self.run.request.files;
        let everything = self.run.request.properties.sync_working_directory();
        let wanted = if everything { Wanted::Everything } else { Wanted::of(files) };
        if wanted == Wanted::Nothing || self.checkpoint.fetched || !has_container(pod, OUTPUT) {
            return Ok(());
        }
        let context = &self.run.context;
        context.phase(Phase::StagingOut);
        let fetched = match self.keeper().await {
            Ok(()) => {
                let (cluster, namespace) = (&self.run.cluster, &self.remains.namespace);
                files::download(cluster, namespace, &self.remains.pod, &files.working_dir, &wanted).await
            }
            Err(failure) => Err(failure),
        };
        match fetched {
            Ok(moved) => {
                moved.report(&self.run.context);
                self.checkpoint.fetched = true;
                self.save().await;
                Ok(())
            }
            Err(failure) if !succeeded || (files.outputs.is_empty() && files.output_dir.is_none()) => {
                context.message(Level::Warn, format!("files of the working directory did not come back: {failure}"));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the container that keeps the files is there: a short command may have ended before it.
    async fn keeper(&mut self) -> Result<(), Failure> {
        let mut starting = Starting::late(&self.run.request.properties);
        loop {
            let wake = match self.tracked.now() {
                Sight::There(pod) if self.is_ours(&pod) => {
                    if state::keeps_files(&pod) {
                        return Ok(());
                    }
                    if let Some(end) = state::end(&pod, OUTPUT) {
                        let reason = end.reason.clone().unwrap_or_default();
                        return Err(Failure::Download {
                            reason: format!("container {OUTPUT} has ended with exit code {} {reason}", end.exit_code),
                        });
                    }
                    if state::is_deleting(&pod) || state::is_terminal(&pod) {
                        return Err(self.reason_of_end(&pod));
                    }
                    starting.look(&pod, &self.run.context)?
                }
                Sight::Gone(Some(pod)) if self.is_ours(&pod) => return Err(self.reason_of_end(&pod)),
                Sight::Lost(failure) => return Err(*failure),
                _ => starting.wait()?,
            };
            tokio::select! {
                () = self.tracked.changed() => {}
                () = sleep_until(wake) => {}
            }
        }
    }
}

/// Whether the init container of this pod waits for files, or only makes directories.
pub fn takes_files(pod: &Pod) -> bool {
    let inits = pod.spec.as_ref().and_then(|s| s.init_containers.as_ref());
    inits.into_iter().flatten().any(|c| c.name == UPLOAD && c.command.iter().flatten().any(|part| part.contains("/ready")))
}

fn has_container(pod: &Pod, name: &str) -> bool {
    pod.spec.as_ref().is_some_and(|s| s.containers.iter().any(|c| c.name == name))
}
