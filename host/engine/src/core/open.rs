//! What the shell was asked for and has not answered: what a recovered host has to do again.

use std::collections::BTreeMap;

use super::{
    event::{Ask, Decision, Effect, Event, TimerKind},
    instance::RunIx,
};

/// Effects without an answer.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<Key, Effect>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Run(RunIx, About),
    Promise(usize),
    Outputs,
    Listeners,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Start,
    Ask(Ask),
    Timer(TimerKind),
}

impl Open {
    pub fn ask(&mut self, effect: &Effect) {
        let key = match effect {
            Effect::Start { run } => Key::Run(*run, About::Start),
            Effect::Ask { run, ask } => Key::Run(*run, About::Ask(*ask)),
            Effect::Timer { run, kind, .. } => Key::Run(*run, About::Timer(*kind)),
            Effect::Promise { sla, .. } => Key::Promise(*sla),
            Effect::RenderOutputs => Key::Outputs,
            Effect::AskListeners => Key::Listeners,
            Effect::Stop { .. } | Effect::Withdraw { .. } | Effect::Changed { .. } | Effect::Complete => return,
        };
        self.0.insert(key, effect.clone());
    }

    pub fn answer(&mut self, event: &Event) {
        let key = match event {
            Event::Ended { run, .. } => Key::Run(*run, About::Start),
            Event::Decided { run, decision } => {
                let ask = match decision {
                    Decision::Again { .. } => Ask::Condition,
                    Decision::Closed { .. } => Ask::Close,
                    Decision::Iteration { group, .. } => Ask::Iteration { group: *group },
                    _ => Ask::Open,
                };
                // A question that cannot be answered is one that failed, whatever it was.
                if matches!(decision, Decision::Fail) {
                    self.0.remove(&Key::Run(*run, About::Ask(Ask::Condition)));
                }
                Key::Run(*run, About::Ask(ask))
            }
            Event::Timer { run, kind } => Key::Run(*run, About::Timer(*kind)),
            Event::Violated { sla } => Key::Promise(*sla),
            Event::Outputs { .. } => Key::Outputs,
            Event::Listeners { .. } => Key::Listeners,
            _ => return,
        };
        self.0.remove(&key);
    }

    /// A run is over: nothing about it is waited for any more.
    pub fn forget(&mut self, run: RunIx) {
        let from = Key::Run(run, About::Start);
        let keys: Vec<Key> = self.0.range(from..Key::Run(run + 1, About::Start)).map(|(key, _)| *key).collect();
        for key in keys {
            self.0.remove(&key);
        }
    }

    pub fn is_asked(&self, run: RunIx, ask: Ask) -> bool {
        self.0.contains_key(&Key::Run(run, About::Ask(ask)))
    }

    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.0.values()
    }
}
