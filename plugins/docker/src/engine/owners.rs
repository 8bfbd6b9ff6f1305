//! Whom images run as, remembered for a moment: tasks come in groups, and each would ask the engine the same.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use switchyard_plugin_api::transfer::Owner;

/// A tag may come to mean another image with another user; for longer than this nobody is to notice.
const MEMORY: Duration = Duration::from_secs(10);

/// What decides about the owner: image, platform and the flow's `user`.
pub type Key = (String, Option<String>, Option<String>);

/// Owners by image and user.
#[derive(Debug, Default)]
pub struct Owners(Mutex<HashMap<Key, (Instant, Owner)>>);

impl Owners {
    /// What was found out a moment ago.
    pub fn recall(&self, key: &Key, now: Instant) -> Option<Owner> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(then, _)| now.duration_since(*then) < MEMORY).map(|(_, owner)| *owner)
    }

    /// Remembers what was found out now.
    pub fn note(&self, key: Key, owner: Owner, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (then, _)| now.duration_since(*then) < MEMORY);
        known.insert(key, (now, owner));
    }

    /// Forgets an image that was pulled: its user may be another now.
    pub fn forget(&self, image: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, ..), _| known != image);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_d8_an_owner_is_remembered_for_a_moment_and_until_the_next_pull() {
        let (owners, start) = (Owners::default(), Instant::now());
        let key = |image: &str, user: Option<&str>| (image.to_owned(), None, user.map(str::to_owned));
        let app = Owner { uid: 1000, gid: 1000 };
        owners.note(key("a", None), app, start);
        owners.note(key("a", Some("0")), Owner::default(), start);
        assert_eq!(owners.recall(&key("a", None), start), Some(app));
        assert_eq!(owners.recall(&key("a", Some("0")), start), Some(Owner::default()));
        assert_eq!(owners.recall(&key("b", None), start), None);
        assert_eq!(owners.recall(&key("a", None), start + MEMORY), None);
        owners.forget("a");
        assert_eq!(owners.recall(&key("a", None), start), None);
    }
}
