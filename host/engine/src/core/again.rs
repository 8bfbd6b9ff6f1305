//! Running an execution again that is over, or a part of it: by leaving out what happened from some moment on.

use jiff::Timestamp;
use switchyard_model::{Execution, State};

use super::{
    event::{Event, TaskEnd},
    instance::{Instance, RunIx},
    program::Program,
};
use std::sync::Arc;

/// Which of the events of an execution still count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Places of events, in order.
    pub events: Vec<usize>,
    /// Runs that get another attempt.
    pub again: Vec<RunIx>,
}

/// A restart: everything up to the first failure (of a task, of what decides, of the outputs) or the kill counts, and so does what ran beside it and passed. `None`: nothing failed.
pub fn restart(program: Arc<Program>, execution: Execution, events: &[(Timestamp, Event)]) -> Option<Kept> {
    let mut instance = Instance::new(program, execution);
    for (place, (at, event)) in events.iter().enumerate() {
        let in_flight: Vec<RunIx> = instance.in_flight().collect();
        let begun: Vec<RunIx> = in_flight.iter().copied().filter(|run| instance.task_run(*run).state.current().is_running()).collect();
        instance.apply(*at, event.clone());
        let ended = |run: RunIx| instance.task_run(run).state.current();
        let failed = match event {
            Event::Kill | Event::Outputs { failed: true, .. } => true,
            Event::Decided { decision, .. } => decision.is_failure(),
            Event::Ended { run, .. } => matches!(ended(*run), State::Failed | State::Killed) && in_flight.contains(run),
            _ => false,
        };
        if !failed {
            continue;
        }
        let shared = |run: &RunIx| instance.program().def(instance.task_of(*run)).working_directory.and(instance.parent_of(*run));
        if let Some(owner) = in_flight.iter().find_map(shared)
            && let Some(opened) = events.iter().position(|(_, event)| matches!(event, Event::Decided { run, .. } if *run == owner))
        {
            // The directory that its tasks share is gone: all of them run again.
            return Some(Kept { events: kept(events, opened, &[]), again: Vec::new() });
        }
        let beside: Vec<RunIx> = in_flight.iter().copied().filter(|run| passed(&events[place..], *run)).collect();
        let events = kept(events, place, &beside);
        let again = begun.into_iter().filter(|run| !beside.contains(run)).collect();
        return Some(Kept { events, again });
    }
    None
}

/// Another end for one run: what happened before it ended counts, and so does what ran beside it and passed. `None`: it has not ended.
pub fn ended(program: Arc<Program>, execution: Execution, events: &[(Timestamp, Event)], run: RunIx) -> Option<(Kept, TaskEnd)> {
    let (place, end) = events.iter().enumerate().rev().find_map(|(place, (_, event))| match event {
        Event::Ended { run: of, end } if *of == run => Some((place, end.clone())),
        _ => None,
    })?;
    let mut instance = Instance::new(program, execution);
    for (at, event) in &events[..place] {
        instance.apply(*at, event.clone());
    }
    let others: Vec<RunIx> = instance.in_flight().filter(|other| *other != run).collect();
    let (beside, failed): (Vec<RunIx>, Vec<RunIx>) = others.into_iter().partition(|run| passed(&events[place..], *run));
    let begun = |run: &RunIx| instance.task_run(*run).state.current().is_running();
    let again = failed.into_iter().filter(begun).collect();
    Some((Kept { events: kept(events, place, &beside), again }, end))
}

/// Whether a run came to a good end.
fn passed(events: &[(Timestamp, Event)], run: RunIx) -> bool {
    events.iter().any(|(_, event)| {
        matches!(event, Event::Ended { run: of, end } if *of == run && end.state.is_some_and(State::is_passed) && end.exit.is_none())
    })
}

/// Places of what happened before one, and of what happened to these runs from there on. A break that was not over by then does not count.
fn kept(events: &[(Timestamp, Event)], place: usize, beside: &[RunIx]) -> Vec<usize> {
    let breaks = |(_, event): &(Timestamp, Event)| matches!(event, Event::Hold | Event::Release | Event::PauseAnew);
    let open = events[..place].iter().rposition(breaks).filter(|last| events[*last].1 == Event::Hold);
    let later = (place..events.len())
        .filter(|later| matches!(&events[*later].1, Event::Started { run } | Event::Ended { run, .. } if beside.contains(run)));
    (0..place).filter(|place| Some(*place) != open).chain(later).collect()
}

/// A replay: what happened before this run began counts, apart from runs that had not ended then. `None`: it never began.
pub fn before(events: &[(Timestamp, Event)], run: RunIx) -> Option<Vec<usize>> {
    let begun = events.iter().position(|(_, event)| matches!(event, Event::Started { run: of } if *of == run))?;
    let ended = |run: RunIx| events[..begun].iter().any(|(_, event)| matches!(event, Event::Ended { run: of, .. } if *of == run));
    Some((0..begun).filter(|place| !matches!(events[*place].1, Event::Started { run } if !ended(run))).collect())
}
