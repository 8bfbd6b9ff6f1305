//! Which plugin serves which type name.

use std::collections::{BTreeMap, HashMap};

use semver::Version;

use crate::plugin::Plugin;

/// A component: the plugin's place in the list, and its own in the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub plugin: usize,
    pub component: usize,
}

/// What became of a component's claim on its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Used,
    /// By a plugin of a higher version, or by the same content under another name.
    Superseded(String),
    Conflict(String),
}

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Canonical names; an error for those that several plugins of one version claim.
    pub types: BTreeMap<String, Result<Place, String>>,
    /// Other names of canonical ones.
    pub aliases: HashMap<String, String>,
    pub claims: BTreeMap<Place, Claim>,
    /// Aliases that are not used, by component.
    pub warnings: BTreeMap<Place, Vec<String>>,
}

impl Catalog {
    pub fn of(plugins: &[Plugin]) -> Self {
        let mut catalog = Self::default();
        let mut claims: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
        for (plugin, brought) in plugins.iter().enumerate() {
            for (component, names) in brought.names.iter().enumerate() {
                claims.entry(&names.type_name).or_default().push(Place { plugin, component });
            }
        }
        for (type_name, places) in claims {
            catalog.decide(plugins, type_name, &places);
        }
        catalog.add_aliases(plugins);
        catalog
    }

    fn decide(&mut self, plugins: &[Plugin], type_name: &str, places: &[Place]) {
        let version = |place: &Place| Version::parse(&plugins[place.plugin].info.version).ok();
        let Some(highest) = places.iter().map(version).max() else { return };
        let (mut best, rest): (Vec<Place>, Vec<Place>) = places.iter().partition(|place| version(place) == highest);
        // The same content twice is no conflict: whichever is opened, the same code runs.
        let hash = |place: &Place| plugins[place.plugin].hash();
        let first = best[0];
        best.retain(|place| {
            let same = *place != first && hash(place).is_some() && hash(place) == hash(&first);
            if same {
                let reason = format!("the same content as {}", plugins[first.plugin].label());
                self.claims.insert(*place, Claim::Superseded(reason));
            }
            !same
        });
        let labels = best.iter().map(|place| plugins[place.plugin].label()).collect::<Vec<_>>().join(" and ");
        if best.len() == 1 {
            self.types.insert(type_name.to_owned(), Ok(first));
            self.claims.insert(first, Claim::Used);
        } else {
            let reason = format!("plugins of the same version bring it: {labels}");
            self.types.insert(type_name.to_owned(), Err(reason.clone()));
            self.claims.extend(best.iter().map(|place| (*place, Claim::Conflict(reason.clone()))));
        }
        for place in rest {
            self.claims.insert(place, Claim::Superseded(format!("a higher version brings it: {labels}")));
        }
    }

    fn add_aliases(&mut self, plugins: &[Plugin]) {
        let used: Vec<Place> = self.types.values().filter_map(|place| place.clone().ok()).collect();
        for place in used {
            let names = &plugins[place.plugin].names[place.component];
            for alias in names.aliases.iter().filter(|alias| **alias != names.type_name) {
                let other = if self.types.contains_key(alias) {
                    Some(alias)
                } else {
                    self.aliases.get(alias).filter(|other| **other != names.type_name)
                };
                if let Some(other) = other {
                    let warning = format!("its other name `{alias}` is not used: it means `{other}`");
                    self.warnings.entry(place).or_default().push(warning);
                } else {
                    self.aliases.insert(alias.clone(), names.type_name.clone());
                }
            }
        }
    }

    /// The canonical name for any name, old or new, of a known type.
    pub fn canonical(&self, written: &str) -> Option<&str> {
        let known = |name: &str| -> Option<&str> {
            self.types.get_key_value(name).map(|(name, _)| name.as_str()).or_else(|| self.aliases.get(name).map(String::as_str))
        };
        known(written).or_else(|| {
            let current = switchyard_model::canonical_type(written);
            known(current).or_else(|| switchyard_model::type_name::former_types(current).into_iter().find_map(known))
        })
    }
}
