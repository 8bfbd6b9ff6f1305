//! Templates that were read lately, by their text.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::Error;
use crate::template::Template;

/// Longer texts are read again each time: they are scripts, which render once.
const LONGEST: usize = 64 << 10;

/// Two generations: what was not used while the young one filled up is forgotten.
pub(crate) struct Cache {
    capacity: usize,
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Arc<Template>>,
    old: HashMap<Box<str>, Arc<Template>>,
}

impl Cache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: (capacity / 2).max(1), generations: RwLock::default() }
    }

    pub(crate) fn get(&self, source: &str) -> Result<Arc<Template>, Error> {
        if source.len() > LONGEST {
            return Template::parse(source).map(Arc::new);
        }
        {
            let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(template) = generations.young.get(source) {
                return Ok(Arc::clone(template));
            }
        }
        let known = self.generations.write().unwrap_or_else(PoisonError::into_inner).old.remove(source);
        let template = match known {
            Some(template) => template,
            None => Arc::new(Template::parse(source)?),
        };
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= self.capacity {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(source.into(), Arc::clone(&template));
        Ok(template)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }
}
