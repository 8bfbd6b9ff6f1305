//! Taking a runnable task up.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use jiff::Timestamp;
use switchyard_model::{Level, State};
use switchyard_plugin_api::{CancelReason, Error};

use super::{Actor, Message, message::Running};
use crate::{
    attempt::{Attempt, Cancel, Left, Leftovers, directory_id},
    context::{Fixed, RunScope, variables},
    core::{Event, RunIx, TaskEnd},
    load::Work,
    recording::{self, Tape},
    script::{Preparation, prepare, task_ref},
    task::{Done, Job, duration, job::Site, templated},
    task_cache::CacheEntry,
};

pub(super) enum Begun {
    Skipped,
    Done(Box<Done>),
    Job(Box<Job>, Option<CacheEntry>),
    Attempt(Box<Attempt>, Option<CacheEntry>),
    /// Work that ends the run when it ends; `None` when the next host has to do it.
    Call {
        cancel: Cancel,
        work: Pin<Box<dyn Future<Output = Option<TaskEnd>> + Send>>,
    },
    /// A message goes on with it.
    Waiting,
}

impl Actor {
    /// Takes a runnable task up: core tasks are done here and now, others go to their runner.
    pub(super) fn start(&mut self, run: RunIx, events: &mut VecDeque<Event>) {
        match self.begin(run) {
            Ok(Begun::Skipped) => events.push_back(Event::Ended { run, end: TaskEnd::state(State::Skipped) }),
            Ok(Begun::Done(done)) => self.finish_core(run, *done, events),
            Ok(Begun::Job(job, cache)) => {
                let cancel = Cancel::default();
                if self.instance.is_killing() {
                    cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, Running { cancel: cancel.clone(), outlives: false, distant: false, cache: cache.clone() });
                self.spawn_unless_cached(run, cache, job.run(run, cancel, self.outbox.clone()));
            }
            Ok(Begun::Waiting) => events.push_back(Event::Started { run }),
            Ok(Begun::Call { cancel, work }) => {
                if self.instance.is_killing() {
                    cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, Running { cancel, outlives: true, distant: true, cache: None });
                events.push_back(Event::Started { run });
                self.later(run, work);
            }
            Ok(Begun::Attempt(attempt, cache)) => {
                let running = Running {
                    cancel: attempt.cancel(),
                    outlives: attempt.outlives_host(),
                    distant: attempt.is_distant(),
                    cache: cache.clone(),
                };
                if self.instance.is_killing() {
                    running.cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, running);
                let outbox = self.outbox.clone();
                self.spawn_unless_cached(run, cache, attempt.run(run, outbox));
            }
            Err(error) => {
                self.log(run).error(&error);
                events.push_back(Event::Started { run });
                events.push_back(Event::Ended { run, end: TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed) } });
            }
        }
    }

    /// Looks for the outputs of an earlier run first, unless this one was begun already.
    fn spawn_unless_cached(&self, run: RunIx, cache: Option<CacheEntry>, work: impl Future<Output = ()> + Send + 'static) {
        let Some(cache) = cache.filter(|_| self.left_attempt(run).is_none()) else {
            tokio::spawn(work);
            return;
        };
        let (memory, outbox) = (self.shared.memory.clone(), self.outbox.clone());
        tokio::spawn(async move {
            match cache.find(&memory).await {
                Ok(Some(outputs)) => {
                    // The execution may be over.
                    let _ = outbox.send(Message::Cached { run, outputs });
                    return;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(code = error.code(), %error, "the task cache cannot be read"),
            }
            work.await;
        });
    }

    /// Work that ends a run when it ends. When the host goes before, the next one begins it again.
    pub(super) fn later(&self, run: RunIx, work: impl Future<Output = Option<TaskEnd>> + Send + 'static) {
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            let message = match work.await {
                Some(end) => Message::Ended { run, end, leftovers: Leftovers::default() },
                None => Message::Detached { run },
            };
            let _ = outbox.send(message);
        });
    }

    pub(super) fn begin(&self, run: RunIx) -> Result<Begun, Error> {
        let number = self.instance.task_of(run);
        let task = &self.instance.program().def(number).task;
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services).with_logs(&self.logs);
        let expr = &self.shared.expr;
        let left = self.left_attempt(run);
        if let Some(condition) = task.common.run_if.as_ref().filter(|_| left.is_none())
            && !expr.render_condition(condition, &scope).map_err(|error| crate::task::unrendered(&error))?
        {
            return Ok(Begun::Skipped);
        }
        if let Some(step) = self.instance.program().def(number).step {
            return self.begin_step(run, step, &scope);
        }
        let timeout = task.common.timeout.as_ref().map(|timeout| duration(expr, timeout, &scope)).transpose()?;
        let document = self.instance.task_run(run);
        let inside = self.instance.program().def(number).working_directory.and(self.instance.parent_of(run));
        let mut facts = self.flow.facts(number, &self.shared.registry);
        let made;
        if matches!(facts.work, Work::Templated) {
            let spec = facts.properties.get("spec").map(crate::task::plain).unwrap_or_default();
            let spec = expr.render(&spec, &scope).map_err(|error| crate::task::unrendered(&error).at("/spec"))?;
            made = templated::templated(&spec, &self.instance.program().flow, &self.shared.registry, &self.shared.config)?;
            facts = &made;
        }
        let (component, plugin) = match &facts.work {
            Work::Core(core) => {
                let known = variables(self.instance.execution(), &self.instance.program().flow);
                let done = core.run(&facts.properties, known, expr, &scope)?;
                self.services.masker()?;
                return Ok(Begun::Done(Box::new(done)));
            }
            Work::Job(kind) => {
                let attempt = self.attempt_of(run);
                let site = Site {
                    shared: Arc::clone(&self.shared),
                    services: Arc::clone(&self.services),
                    log: self.log(run),
                    task: task_ref(document, attempt),
                    value: scope.value(),
                    execution: kind.looks_back.then(|| Arc::new(self.instance.execution().clone())),
                    directory: inside.map(|parent| directory_id(self.instance.task_run(parent), 0)),
                    scratch: directory_id(document, attempt),
                    left: self.left_attempt(run),
                };
                let job = Job::new(kind, &facts.properties, expr, &scope, || scope.snapshot(), site, timeout)?;
                // Whatever could not be masked is not started; the log has to know what the properties disclosed.
                self.services.masker()?;
                let cache = self.cache_entry(run, || job.fingerprint(), &scope)?;
                return Ok(Begun::Job(Box::new(job.with_log(self.own_log(run))), cache));
            }
            Work::Templated => return Err(Error::user("task::template", "a task of text cannot be made of text")),
            Work::Plugin { component, task } => (component, task),
            Work::Call => return self.begin_call(run, &scope),
            Work::Unknown(error) => return Err(error.clone()),
        };
        let attempt = self.attempt_of(run);
        let directory = inside.map_or_else(|| directory_id(document, attempt), |parent| directory_id(self.instance.task_run(parent), 0));
        let tape = recording::tape(self.shared.config.record.as_ref(), &task_ref(document, attempt));
        let recorder = tape.as_ref().map(Tape::recorder);
        let plugin = &recorder.map_or_else(|| Arc::clone(plugin), |recorder| recorder.task(&component.type_name, Arc::clone(plugin)));
        let prepared = prepare(&Preparation {
            registry: &self.shared.registry,
            config: &self.shared.config,
            expr,
            scope: &scope,
            run: document,
            attempt,
            properties: &facts.properties,
            component,
            task: plugin,
            working_dir: self.shared.work_dirs.path(&directory),
            shared: inside.is_some(),
            timeout_ms: timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
            recorder,
        });
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // What failed may be the plugin.
                if let (Some(tape), Ok(masker)) =
                    (tape.and_then(|tape| tape.if_concerned([&component.type_name, ""])), self.services.masker())
                {
                    tape.begin(tape.header(&self.shared.registry, &[&component.type_name]), &masker);
                    tape.end(Some(State::Failed));
                }
                return Err(error);
            }
        };
        // Whatever could not be masked is not started.
        self.services.masker()?;
        let log = self.own_log(run);
        for warning in &prepared.warnings {
            log.message(Level::Warn, warning);
        }
        let tape = tape.and_then(|tape| tape.if_concerned([&component.type_name, &prepared.runner_type]));
        let attempt = Attempt::new(Arc::clone(&self.shared), prepared, Arc::clone(plugin), component, timeout, log).recorded(tape);
        let cache = self.cache_entry(run, || attempt.fingerprint(), &scope)?;
        let attempt = match left {
            Some(elapsed) => attempt.left(Left { trace: self.shared.recovery.trace(), elapsed }),
            None => attempt,
        };
        Ok(Begun::Attempt(Box::new(attempt), cache))
    }

    fn cache_entry(&self, run: RunIx, fingerprint: impl Fn() -> String, scope: &RunScope<'_>) -> Result<Option<CacheEntry>, Error> {
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        if task.common.task_cache.is_none() {
            return Ok(None);
        }
        CacheEntry::of(task, self.instance.task_run(run), &fingerprint(), &self.shared.expr, scope)
    }

    /// How long the attempt has been running that an earlier host began; `None` when there is none.
    pub(super) fn left_attempt(&self, run: RunIx) -> Option<std::time::Duration> {
        let document = self.instance.task_run(run);
        let attempt = document.attempts.last().filter(|_| document.state.current().is_running())?;
        Some(std::time::Duration::try_from(Timestamp::now().duration_since(attempt.state.start_date())).unwrap_or_default())
    }

    pub(super) fn finish_core(&mut self, run: RunIx, done: Done, events: &mut VecDeque<Event>) {
        let mut state = State::Success;
        if !done.lines.is_empty() || done.failure.is_some() {
            let log = self.log(run);
            for line in &done.lines {
                log.message(line.level, &line.text);
            }
            if let Some(failure) = &done.failure {
                log.message(Level::Error, failure);
                state = State::Failed;
            }
        }
        events.push_back(Event::Started { run });
        if !done.labels.is_empty() || done.variables.is_some() {
            events.push_back(Event::Change { labels: done.labels, variables: done.variables });
            // The next expression has to see them.
            self.fixed.values.clear();
        }
        let end = TaskEnd { outputs: done.outputs, exit: done.exit, random: crate::random::unit(), ..TaskEnd::state(state) };
        events.push_back(Event::Ended { run, end });
        if self.fixed.values.is_empty() {
            self.fixed_later(events);
        }
    }

    /// Applies what a task changed, then makes the variables anew.
    pub(super) fn fixed_later(&mut self, events: &mut VecDeque<Event>) {
        let now = Timestamp::now();
        let changes: Vec<Event> = {
            let (changes, rest): (Vec<Event>, Vec<Event>) = events.drain(..).partition(|event| matches!(event, Event::Change { .. }));
            events.extend(rest);
            changes
        };
        for change in changes {
            self.record(now, &change);
            // A change has no effects.
            self.instance.apply(now, change);
        }
        self.fixed = Fixed::new(&self.instance, &self.shared, &self.services);
    }
}
