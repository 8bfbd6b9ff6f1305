//! A run as people see it: log lines, and below them, on a terminal, a line for each task that is at work.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use switchyard_engine::{Notice, Observer, TaskTag};
use switchyard_model::{Execution, Level, State};
use switchyard_plugin_api::{Phase, Progress as Units};

use super::{Palette, Screen};
use crate::arguments::Globals;

/// Lines of tasks at work that are shown at a time.
const SHOWN: usize = 12;
/// The moving lines are drawn at most so often.
const EVERY: Duration = Duration::from_millis(80);

/// Watches one run.
pub struct Progress {
    state: Mutex<Shown>,
    logs: bool,
    /// Lines below it are for `-v`.
    minimum: Level,
    /// Log lines go to standard error, because standard output belongs to the document.
    to_stderr: bool,
    /// Somebody can answer.
    interactive: bool,
    screen: Screen,
    stderr: Screen,
    began: Instant,
}

#[derive(Default)]
struct Shown {
    tasks: Vec<Line>,
    /// The task and level whose last line has no end yet.
    open: Option<(String, Level)>,
    /// Moving lines on the terminal now.
    drawn: usize,
    last: Option<Instant>,
    finished: usize,
}

struct Line {
    id: String,
    name: String,
    depth: usize,
    state: State,
    phase: Option<Phase>,
    detail: String,
    since: Instant,
}

impl Progress {
    pub fn new(globals: &Globals, no_logs: bool, to_stderr: bool) -> Self {
        let (stdout, stderr) = (Screen::stdout(globals.color), Screen::stderr(globals.color));
        Self {
            state: Mutex::default(),
            logs: !no_logs,
            minimum: if globals.verbose > 0 { Level::Trace } else { Level::Info },
            to_stderr,
            interactive: !to_stderr && io::stdin().is_terminal(),
            screen: if to_stderr { stderr } else { stdout },
            stderr,
            began: Instant::now(),
        }
    }

    /// Says that the end was asked for.
    pub fn interrupted(&self) {
        self.end();
        self.say("stopping the tasks; once more to leave at once\n");
    }

    /// Says what came of an answer to a pause.
    pub fn answered(&self, text: String) {
        self.end();
        self.say(&format!("{text}\n"));
    }

    /// Says what a run waits for: without a word it would only hang.
    fn paused(&self, task: &TaskTag) {
        self.end();
        let how = if self.interactive {
            "press Enter to resume it (inputs as NAME=VALUE before it), Ctrl-C ends the execution"
        } else {
            "it goes on when its `pauseDuration` or `timeout` is over; Ctrl-C ends the execution"
        };
        self.say(&format!("`{}` is paused: {how}\n", name(task)));
    }

    /// Lets the times of the moving lines go on while nothing else happens.
    pub fn tick(&self) {
        self.moved(&mut self.lock(), false);
    }

    /// Takes the moving lines away.
    pub fn end(&self) {
        let mut shown = self.lock();
        let mut out = Vec::new();
        close_line(&mut shown, &mut out);
        wipe(&mut shown, &mut out);
        self.write(&out);
    }

    /// The last line.
    pub fn finish(&self, execution: &Execution) {
        self.end();
        let palette = self.stderr.palette;
        let state = execution.state.current();
        let tasks = execution.task_run_list.len();
        let time = seconds(self.began.elapsed());
        let tasks = if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") };
        let name = format!("{}.{}", execution.namespace, execution.flow_id);
        self.say(&format!("{} {} {}\n", palette.bold(name), palette.state(state, state), palette.dim(format!("{tasks} in {time}"))));
    }

    fn say(&self, text: &str) {
        // Nobody is left to be told.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // A reader that has seen enough (`| head`) does not stop the run.
        let _ = if self.to_stderr { io::stderr().write_all(bytes) } else { write_stdout(bytes) };
    }

    fn log(&self, task: &TaskTag, level: Level, at: Timestamp, text: &[u8], partial: bool) {
        if !self.logs || level < self.minimum {
            return;
        }
        let mut shown = self.lock();
        let mut out = Vec::with_capacity(text.len() + text.len() / 2 + 64);
        wipe(&mut shown, &mut out);
        let name = name(task);
        let prefix = self.prefix(level, at, &name);
        let goes_on = shown.open.as_ref().is_some_and(|(open, its)| *open == name && *its == level);
        if goes_on {
            shown.open = None;
        } else {
            close_line(&mut shown, &mut out);
        }
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if number > 0 || !goes_on {
                out.extend_from_slice(prefix.as_bytes());
            }
            out.extend_from_slice(line);
        }
        // On a terminal the moving lines need whole lines above them.
        if partial && !self.screen.terminal {
            shown.open = Some((name, level));
        } else if !text.ends_with(b"\n") {
            out.push(b'\n');
        }
        self.draw(&mut shown, &mut out, true);
        self.write(&out);
    }

    fn prefix(&self, level: Level, at: Timestamp, name: &str) -> String {
        let palette = self.screen.palette;
        if self.screen.terminal {
            return format!("{} {} ", palette.name(name), level_mark(palette, level));
        }
        format!("{at:.3} {:<5} {name} | ", level.name())
    }

    fn draw(&self, shown: &mut Shown, out: &mut Vec<u8>, now: bool) {
        if !self.screen.terminal || !now && shown.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        wipe(shown, out);
        let palette = self.screen.palette;
        let active: Vec<&Line> = shown.tasks.iter().filter(|line| !line.state.is_terminal()).collect();
        for line in active.iter().take(SHOWN) {
            let phase = line.phase.map_or_else(|| line.state.name().to_lowercase(), |phase| phase.as_str().to_owned());
            let text = format!(
                "{:indent$}{} {phase}{} {}",
                "",
                line.name,
                line.detail,
                seconds(line.since.elapsed()),
                indent = line.depth * 2 + 2
            );
            let cut: String = text.chars().take(self.screen.width.saturating_sub(1)).collect();
            out.extend_from_slice(format!("{}\n", palette.dim(cut)).as_bytes());
        }
        let mut drawn = active.len().min(SHOWN);
        if active.len() > SHOWN {
            out.extend_from_slice(format!("{}\n", palette.dim(format!("  … {} more", active.len() - SHOWN))).as_bytes());
            drawn += 1;
        }
        shown.drawn = drawn;
        shown.last = Some(Instant::now());
    }

    fn moved(&self, shown: &mut Shown, now: bool) {
        if self.screen.terminal {
            let mut out = Vec::new();
            self.draw(shown, &mut out, now);
            self.write(&out);
        }
    }

    fn task(&self, task: &TaskTag, state: State) {
        let mut shown = self.lock();
        let found = shown.tasks.iter().position(|line| line.id == *task.taskrun_id);
        match found {
            None if !state.is_terminal() => shown.tasks.push(Line {
                id: task.taskrun_id.to_string(),
                name: name(task),
                depth: task.depth,
                state,
                phase: None,
                detail: String::new(),
                since: Instant::now(),
            }),
            None => {}
            Some(at) if state.is_terminal() => {
                let line = shown.tasks.remove(at);
                shown.finished += 1;
                // In a pipe the log and the last line say enough.
                if self.screen.terminal {
                    let palette = self.screen.palette;
                    let mut out = Vec::new();
                    wipe(&mut shown, &mut out);
                    let time = palette.dim(seconds(line.since.elapsed()));
                    let text = format!("{:indent$}{} {} {time}\n", "", palette.state(state, state), line.name, indent = line.depth * 2);
                    out.extend_from_slice(text.as_bytes());
                    self.draw(&mut shown, &mut out, true);
                    self.write(&out);
                }
                return;
            }
            Some(at) => shown.tasks[at].state = state,
        }
        self.moved(&mut shown, false);
    }
}

impl Observer for Progress {
    fn notice(&self, notice: &Notice<'_>) {
        match *notice {
            Notice::Execution { .. } => {}
            Notice::Task { task, state, .. } if self.screen.terminal => {
                self.task(task, state);
                if state == State::Paused {
                    self.paused(task);
                }
            }
            Notice::Task { task, state: State::Paused, .. } => self.paused(task),
            Notice::Task { .. } => {}
            Notice::Phase { task, phase, .. } if self.screen.terminal => {
                let mut shown = self.lock();
                if let Some(line) = shown.tasks.iter_mut().find(|line| line.id == *task.taskrun_id) {
                    line.phase = Some(phase);
                    line.detail.clear();
                }
                self.moved(&mut shown, false);
            }
            Notice::Progress { task, progress } if self.screen.terminal => {
                let mut shown = self.lock();
                if let Some(line) = shown.tasks.iter_mut().find(|line| line.id == *task.taskrun_id) {
                    line.detail = units(progress);
                }
                self.moved(&mut shown, false);
            }
            Notice::Phase { .. } | Notice::Progress { .. } => {}
            Notice::Log { task, level, at, text, partial } => self.log(task, level, at, text, partial),
        }
    }
}

fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Ends a line that was left open.
fn close_line(shown: &mut Shown, out: &mut Vec<u8>) {
    if shown.open.take().is_some() {
        out.push(b'\n');
    }
}

/// Takes the moving lines back.
fn wipe(shown: &mut Shown, out: &mut Vec<u8>) {
    if shown.drawn > 0 {
        out.extend_from_slice(format!("\x1b[{}A\x1b[J", shown.drawn).as_bytes());
        shown.drawn = 0;
    }
}

fn name(task: &TaskTag) -> String {
    task.value.as_ref().map_or_else(|| task.task_id.to_string(), |value| format!("{}[{value}]", task.task_id))
}

fn units(progress: &Units) -> String {
    let of = progress.total.map(|total| format!("/{total}")).unwrap_or_default();
    let message = if progress.message.is_empty() { String::new() } else { format!(" {}", progress.message) };
    format!("{message} {}{of} {}", progress.done, progress.unit)
}

fn level_mark(palette: Palette, level: Level) -> String {
    match level {
        Level::Error => palette.bad("│").to_string(),
        Level::Warn => palette.doubtful("│").to_string(),
        Level::Info => "│".to_owned(),
        Level::Debug | Level::Trace => palette.dim("│").to_string(),
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{} ms", time.as_millis()),
        short if short < 60.0 => format!("{short:.1} s"),
        long => format!("{}:{:02} min", long as u64 / 60, long as u64 % 60),
    }
}
