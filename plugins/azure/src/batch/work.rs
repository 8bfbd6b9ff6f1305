//! A task, as work that is followed.

use std::time::{Duration, Instant};

use switchyard_cloud_api::{
    follow::{Look, Work},
    position::Position,
};
use switchyard_plugin_api::{Context, Error, Event, FailureReason, IsoDuration, Level, LogStream, Metric, MetricKind, Outcome, Phase};

use super::{
    api::{Client, Piece},
    properties::Properties,
    status::Task,
    task,
};

/// Most of a file that is read at once.
const PIECE: u64 = 4 << 20;
/// A task that waits longer for a place gets a word about its pool.
const WAITING: Duration = Duration::from_secs(30);

const FILES: [(LogStream, &str); 2] = [(LogStream::Stdout, "stdout.txt"), (LogStream::Stderr, "stderr.txt")];

pub struct Watched<'a> {
    client: &'a Client,
    context: &'a Context,
    properties: &'a Properties,
    limit: Duration,
    job: String,
    task: String,
    seen: Option<Task>,
    /// How much of each stream was read.
    position: Position,
    begun: Instant,
    /// Whether the pool has been looked at.
    told: bool,
}

impl<'a> Watched<'a> {
    /// `again` after a restart of the host, which has a part of the log then.
    pub async fn new(
        client: &'a Client,
        context: &'a Context,
        properties: &'a Properties,
        limit: Duration,
        job: &str,
        again: bool,
    ) -> Self {
        let position = Position::of(again, context).await;
        let (job, task) = (job.to_owned(), task::task_id(job));
        Self { client, context, properties, limit, job, task, seen: None, position, begun: Instant::now(), told: false }
    }

    /// Says once why a task waits so long.
    async fn tell(&mut self) {
        if self.told || self.begun.elapsed() < WAITING {
            return;
        }
        self.told = true;
        let pool = &self.properties.pool_id;
        if let Some(trouble) = self.client.pool(pool).await.ok().and_then(|found| found.trouble(pool)) {
            self.context.message(Level::Warn, format!("The task waits for a place: {trouble}."));
        }
    }

    /// Hands over what is new of one stream, a piece at a time; answers whether there is more.
    async fn read(&mut self, stream: LogStream, name: &str) -> Result<bool, Error> {
        let from = if stream == LogStream::Stdout { self.position.stdout } else { self.position.stderr };
        let Piece::Bytes(bytes) = self.client.piece(&self.job, &self.task, name, from, PIECE).await? else { return Ok(false) };
        self.context.write_log(stream, &bytes).await;
        let read = bytes.len() as u64;
        *(if stream == LogStream::Stdout { &mut self.position.stdout } else { &mut self.position.stderr }) += read;
        Ok(read >= PIECE)
    }

    async fn read_both(&mut self) -> Result<bool, Error> {
        let mut more = false;
        for (stream, name) in FILES {
            more |= self.read(stream, name).await?;
        }
        Ok(more)
    }

    /// What the task used, if the service counts it.
    fn measure(&self, task: &Task) {
        let Some(stats) = &task.stats else { return };
        let counters = [
            ("io.read.ops.count", "readIOps"),
            ("io.read.gib.count", "readIOGiB"),
            ("io.write.ops.count", "writeIOps"),
            ("io.write.gib.count", "writeIOGiB"),
        ];
        for (name, field) in counters {
            let value = stats[field].as_f64().or_else(|| stats[field].as_str()?.parse().ok());
            if let Some(value) = value {
                self.context.counter(name, value);
            }
        }
        for (name, field) in
            [("cpu.kernel.duration", "kernelCPUTime"), ("cpu.user.duration", "userCPUTime"), ("wall.clock.duration", "wallClockTime")]
        {
            if let Ok(IsoDuration(time)) = serde_json::from_value(stats[field].clone()) {
                let metric = Metric { name: name.to_owned(), kind: MetricKind::Timer, value: time.as_secs_f64(), tags: Default::default() };
                self.context.notify(Event::Metric(metric));
            }
        }
    }
}

impl Work for Watched<'_> {
    async fn look(&mut self) -> Result<Look, Error> {
        let found = self.client.task(&self.job, &self.task, false).await?;
        let look = match &found {
            Some(task) => Look { phase: task.phase(), ended: task.has_ended() },
            None => Look { phase: Phase::Running, ended: true },
        };
        self.seen = found;
        if look.phase == Phase::Queued {
            self.tell().await;
        }
        Ok(look)
    }

    async fn read_log(&mut self) -> Result<bool, Error> {
        if !self.properties.stream_logs || !self.seen.as_ref().is_some_and(Task::has_begun) {
            return Ok(false);
        }
        match self.read_both().await {
            // It is there the next time.
            Err(error) if error.retryable() => Ok(false),
            other => other,
        }
    }

    async fn read_rest(&mut self) -> Result<(), Error> {
        let mut more = true;
        while more {
            more = match self.read_both().await {
                Err(error) if error.retryable() => {
                    self.context.message(Level::Warn, format!("The end of the log may be missing: {error}"));
                    return Ok(());
                }
                other => other?,
            };
        }
        Ok(())
    }

    async fn outcome(&mut self) -> Result<Outcome, Error> {
        let Some(task) = self.seen.clone() else {
            return Ok(Outcome::exited(143).because(FailureReason::KilledOutside, "somebody deleted the job while it ran"));
        };
        if let Ok(Some(whole)) = self.client.task(&self.job, &self.task, true).await {
            self.measure(&whole);
        }
        if let Some(failure) = task.failure.as_ref().filter(|_| task.lost_files()) {
            self.context
                .message(Level::Warn, format!("The node could not store its files ({}); they are fetched from it.", failure.message));
        }
        let outcome = task.outcome(self.limit);
        Ok(match task.node {
            Some(node) => outcome.detail("node", node),
            None => outcome,
        })
    }

    async fn stop(&mut self) -> Result<(), Error> {
        self.client.terminate_task(&self.job, &self.task).await
    }

    async fn exit_code(&mut self) -> Result<Option<i32>, Error> {
        Ok(self.seen.as_ref().and_then(|task| task.exit_code))
    }
}
