use super::names;

#[test]
fn every_task_is_known_to_the_catalogue() {
    for name in names() {
        assert!(switchyard_model::catalog::find(name).is_some(), "{name} has no entry, so it has no schema and no page");
    }
}

#[test]
fn every_task_of_the_catalogue_can_run() {
    for spec in switchyard_model::catalog::task::TASKS {
        let known =
            super::find(spec.name).is_some() || crate::task::CoreTask::of(spec.name).is_some() || spec.name == crate::task::templated::TYPE;
        assert!(known, "{} passes validation and fails when it is reached", spec.name);
    }
}
