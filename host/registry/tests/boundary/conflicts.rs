//! One type from several plugins.

use std::fs;

use switchyard_plugin_api::{Context, Description, Error, Outcome, PluginSet, RunRequest, TaskRunner};
use switchyard_registry::{Registry, State};

use crate::host::{Host, RUNNER, TASK, misbehave};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct None {}

/// A runner compiled into the host, of the type that the library brings.
struct Twin;

impl TaskRunner for Twin {
    type Properties = None;
    const TYPE: &'static str = RUNNER;

    fn describe(&self) -> Description {
        Description::new("The same type.").alias("dev.switchyard.test.Twin")
    }

    async fn run(&self, _: RunRequest<None>, _: Context) -> Result<Outcome, Error> {
        Ok(Outcome::exited(0))
    }
}

fn states(registry: &Registry, type_name: &str) -> Vec<(State, String)> {
    let rows = registry.plugins().into_iter().filter(|row| row.type_name.as_deref() == Some(type_name));
    rows.map(|row| (row.state, row.reason.unwrap_or_default())).collect()
}

#[test]
fn the_highest_version_wins_and_the_loser_is_reported() {
    let host = Host::sharing().with("m.so", &misbehave());
    let file = host.file("m.so").display().to_string();
    for (version, built_in, library) in [
        (
            "0.2.0",
            (State::BuiltIn, String::new()),
            (State::Superseded, "a higher version brings it: twin 0.2.0 (built into the host)".into()),
        ),
        ("0.0.9", (State::Superseded, format!("a higher version brings it: misbehave 0.1.0 ({file})")), (State::Ready, String::new())),
        (
            "0.10.0-alpha.1",
            (State::BuiltIn, String::new()),
            (State::Superseded, "a higher version brings it: twin 0.10.0-alpha.1 (built into the host)".into()),
        ),
    ] {
        let registry = Registry::open(host.options(), vec![PluginSet::new("twin", version).runner(Twin)]);
        assert_eq!(states(&registry, RUNNER), [built_in, library], "{version}");
        assert_eq!(states(&registry, TASK)[0].0, State::Ready, "other types of the plugin work");
        assert!(registry.component(RUNNER).is_ok());
    }
}

#[test]
fn equal_versions_are_an_error_that_names_both() {
    let host = Host::sharing().with("a.so", &misbehave());
    // Another build of the same version: bytes behind the end change nothing but the content's hash.
    let mut other = fs::read(misbehave()).unwrap();
    other.push(0);
    host.add("b.so", &other);
    let registry = host.open();
    let Err(error) = registry.runner(RUNNER) else { panic!("neither may be used") };
    assert_eq!(error.code(), "registry::type_conflict");
    for name in ["a.so", "b.so"] {
        assert!(error.to_string().contains(&format!("misbehave 0.1.0 ({})", host.file(name).display())), "{error}");
    }
    assert!(states(&registry, RUNNER).iter().all(|(state, _)| *state == State::Conflict));
    assert!(registry.runner("dev.switchyard.test.MisbehaveTaskRunner").is_err(), "not by another name either");
}

#[test]
fn the_same_content_twice_is_no_conflict() {
    let host = Host::sharing().with("a.so", &misbehave()).with("b.so", &misbehave());
    let registry = host.open();
    assert!(registry.runner(RUNNER).is_ok());
    let states: Vec<State> = states(&registry, RUNNER).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [State::Loaded, State::Superseded]);
}

#[test]
fn every_name_leads_to_the_same_component() {
    let registry = Host::sharing().with("m.so", &misbehave()).open();
    for name in [RUNNER, "dev.switchyard.test.MisbehaveTaskRunner"] {
        assert_eq!(registry.canonical(name), Some(RUNNER), "{name}");
        assert_eq!(registry.component(name).unwrap().type_name, RUNNER, "{name}");
        assert!(registry.runner(name).is_ok(), "{name}");
    }
    assert_eq!(registry.canonical("dev.switchyard.test.Other"), Option::None);
}

#[test]
fn an_alias_that_is_taken_is_not_used_and_told() {
    struct Other;
    impl TaskRunner for Other {
        type Properties = None;
        const TYPE: &'static str = "dev.switchyard.test.Other";
        fn describe(&self) -> Description {
            Description::new("Claims two names.").alias(RUNNER).alias("dev.switchyard.test.Twin")
        }
        async fn run(&self, _: RunRequest<None>, _: Context) -> Result<Outcome, Error> {
            Ok(Outcome::exited(0))
        }
    }
    let host = Host::new();
    let registry = Registry::open(host.options(), vec![PluginSet::new("twin", "1.0.0").runner(Twin).runner(Other)]);
    assert_eq!(registry.canonical("dev.switchyard.test.Twin"), Some(RUNNER), "the first by name has it");
    let row = registry.plugins().into_iter().find(|row| row.type_name.as_deref() == Some("dev.switchyard.test.Other")).unwrap();
    assert_eq!(
        row.warnings,
        [
            format!("its other name `{RUNNER}` is not used: it means `{RUNNER}`"),
            format!("its other name `dev.switchyard.test.Twin` is not used: it means `{RUNNER}`"),
        ]
    );
}
