//! Pulling: policies, credentials, refusals, one pull for many.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{CancelReason, ErrorKind, Phase};

use crate::{
    registry::{Mood, Registry},
    setup::{Setup, docker, none},
};

/// Base64 of `robot:p:w`.
const ROBOT: &str = "cm9ib3Q6cDp3";

#[tokio::test]
pub async fn docker_d11_policies_with_an_absent_and_a_present_image() {
    let registry = Registry::start(Mood::Friendly).await;
    let image = registry.image();
    for (policy, pulls, fails) in [
        (json!("NEVER"), false, true),
        (json!("IF_NOT_PRESENT"), true, false),
        (json!("IF_NOT_PRESENT"), false, false),
        (json!("NEVER"), false, false),
        (json!("ALWAYS"), true, false),
    ] {
        let before = registry.asked();
        let setup = Setup::new("cat /registry", json!({ "pullPolicy": policy })).image(&image);
        let result = setup.run().await;
        if fails {
            let error = result.unwrap_err();
            assert_eq!((error.code.as_str(), error.kind), ("docker::image_missing", ErrorKind::User), "{error}");
            assert!(error.message.contains(&image) && error.message.contains("NEVER"), "{error}");
        } else {
            assert_eq!(result.unwrap().exit_code, 0, "{policy}");
            assert_eq!(setup.host.stdout(), registry.address);
        }
        // One pull asks for the manifest once or twice.
        assert_eq!(registry.asked() > before, pulls, "{policy}");
        assert_eq!(setup.host.phases().contains(&Phase::Pulling), pulls, "{policy}");
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn docker_d11_a_list_of_policies_falls_back_to_the_present_image() {
    let image = {
        let registry = Registry::start(Mood::Friendly).await;
        assert_eq!(Setup::new("true", none()).image(&registry.image()).run().await.unwrap().exit_code, 0);
        docker(&["tag", &registry.image(), "127.0.0.1:1/kept/tool:1"]);
        "127.0.0.1:1/kept/tool:1"
    };
    let setup = Setup::new("echo cached", json!({ "pullPolicy": ["ALWAYS", "IF_NOT_PRESENT"] })).image(image);
    let outcome = setup.run().await;
    docker(&["rmi", "-f", image]);
    assert_eq!(outcome.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "cached\n");
    assert!(setup.host.warnings()[0].contains("going on with pullPolicy IF_NOT_PRESENT"), "{:?}", setup.host.warnings());
}

#[tokio::test]
pub async fn docker_d12_an_image_is_pulled_by_its_digest() {
    let registry = Registry::start(Mood::Friendly).await;
    let image = format!("{}/team/tool@{}", registry.address, registry.digest);
    let setup = Setup::new("echo pinned", none()).image(&image);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(registry.references().iter().all(|r| *r == registry.digest), "{:?}", registry.references());
    // Podman does not say what it pulled.
    if !crate::setup::is_podman() {
        assert_eq!(setup.host.detail("imageDigest"), Some(json!(registry.digest)));
    }
}

#[tokio::test]
pub async fn docker_d12_without_a_tag_the_latest_is_meant() {
    let registry = Registry::start(Mood::Friendly).await;
    let setup = Setup::new("true", none()).image(&format!("{}/team/tool", registry.address));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(registry.references()[0], "latest");
}

#[tokio::test]
pub async fn docker_d13_a_private_registry_takes_credentials_from_both_properties() {
    let registry = Registry::start(Mood::Private(ROBOT)).await;
    let auths = json!({ "auths": { registry.address.clone(): { "auth": ROBOT } } });
    for properties in [
        json!({ "credentials": { "username": "robot", "password": "p:w" } }),
        json!({ "credentials": { "registry": registry.address, "auth": ROBOT } }),
        json!({ "config": auths }),
        json!({ "config": auths.to_string() }),
    ] {
        let mut setup = Setup::new("env; ls -a", properties.clone()).image(&registry.image()).outputs(&["**"]);
        setup.request.properties["pullPolicy"] = json!("ALWAYS");
        assert_eq!(setup.run().await.unwrap().exit_code, 0, "{properties}");
        assert!(
            !setup.host.stdout().contains("p:w") && !setup.host.stdout().contains(ROBOT) && !setup.host.stdout().contains("config.json")
        );
        assert_eq!(std::fs::read_dir(setup.directory.path()).unwrap().count(), 0, "nothing of it comes back as a file");
    }
}

#[tokio::test]
pub async fn docker_d13_a_refusal_says_whose_credentials_were_used() {
    let registry = Registry::start(Mood::Private(ROBOT)).await;
    for (properties, expected) in [
        (json!({}), "no credentials"),
        (json!({ "credentials": { "username": "robot", "password": "hunter2" } }), "credentials from property credentials"),
        (json!({ "config": { "auths": { "other.io": { "auth": ROBOT } } } }), "no credentials"),
    ] {
        let setup = Setup::new("true", properties).image(&registry.image());
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code.as_str(), error.kind), ("docker::pull_failed", ErrorKind::User), "{error}");
        for part in [expected, registry.image().as_str(), registry.address.as_str()] {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        assert!(!error.to_string().contains("hunter2"));
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn docker_d14_what_will_not_pass_is_not_tried_again() {
    for (status, code) in [(404, "MANIFEST_UNKNOWN"), (429, "TOOMANYREQUESTS")] {
        let registry = Registry::start(Mood::Failing(status, code, u32::MAX)).await;
        let setup = Setup::new("true", none()).image(&registry.image());
        let started = std::time::Instant::now();
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, "docker::pull_failed", "{error}");
        assert!(error.message.contains(&registry.image()), "{error}");
        assert!(started.elapsed() < Duration::from_secs(15), "{code}: {:?}", started.elapsed());
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn docker_d14_a_fault_of_the_registry_is_tried_again() {
    let registry = Registry::start(Mood::Failing(503, "UNAVAILABLE", 2)).await;
    let setup = Setup::new("echo at last", none()).image(&registry.image());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "at last\n");
    assert!(registry.asked() > 2);
}

#[tokio::test]
pub async fn docker_d15_three_tasks_pull_once() {
    let registry = Registry::start(Mood::Friendly).await;
    registry.close();
    let setups: Vec<Setup> =
        (0..3).map(|i| Setup::new(&format!("echo {i}"), json!({ "pullPolicy": "ALWAYS" })).image(&registry.image())).collect();
    let running: Vec<_> = setups.iter().map(Setup::spawn).collect();
    registry.asked_for_layer().await;
    for setup in &setups {
        setup.host.until("it waits for the pull", |h| h.phases().contains(&Phase::Pulling)).await;
    }
    registry.open();
    for (i, running) in running.into_iter().enumerate() {
        assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
        assert_eq!(setups[i].host.stdout(), format!("{i}\n"));
    }
    // Each pull asks once what the tag means.
    let references = registry.references();
    assert_eq!(references.iter().filter(|r| *r == "1").count(), 1, "{references:?}");
}

#[tokio::test]
pub async fn docker_d19_a_kill_ends_the_pull() {
    let registry = Registry::start(Mood::Friendly).await;
    registry.close();
    let setup = Setup::new("echo must not run", none()).image(&registry.image());
    let running = setup.spawn();
    registry.asked_for_layer().await;
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    let error = tokio::time::timeout(Duration::from_secs(10), running).await.expect("the pull is left at once").unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    setup.assert_gone();
    registry.open();
}

#[tokio::test]
pub async fn without_an_image_the_error_names_the_property() {
    let mut setup = Setup::new("true", none());
    setup.request.command.image = None;
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "docker::image_required");
    assert!(error.help.unwrap().contains("containerImage"));
}
