//! Triggers of time; spec 11.3. The clock is the test's.

use jiff::Timestamp;
use serde_json::json;
use switchyard_engine::schedule::Schedules;

use crate::world::World;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A flow that says what its trigger gave it.
fn flow(trigger: &str) -> String {
    format!(
        "id: timed\nnamespace: a.b\ninputs: [{{id: day, type: STRING, defaults: none}}]\ntasks: [{{id: say, type: io.kestra.plugin.core.log.Log, message: \"{{{{ trigger.date }}}} {{{{ inputs.day }}}}\"}}]\ntriggers: [{{id: on, {trigger}}}]"
    )
}

const SCHEDULE: &str = "type: io.kestra.plugin.core.trigger.Schedule";

/// What is said when servers look at these times, each for the first time unless it is the same.
async fn said(trigger: &str, looks: &[&str]) -> Vec<String> {
    let world = World::new(&[&flow(trigger)]);
    for look in looks {
        let mut schedules = Schedules::open(&world.engine, at(look)).await;
        schedules.fire(at(look)).await.unwrap();
        world.engine.idle().await;
    }
    world.seen.log().iter().map(|line| line.trim_start_matches("say INFO ").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_3_a_schedule_starts_its_flow_at_its_dates() {
    let message = "{{ trigger.date }} {{ trigger.next }} {{ trigger.previous }} {{ schedule.date }} {{ inputs.day }}";
    let world = World::new(&[&format!(
        "id: timed\nnamespace: a.b\ninputs: [{{id: day, type: STRING}}]\ntasks: [{{id: say, type: io.kestra.plugin.core.log.Log, message: \"{message}\"}}]\ntriggers: [{{id: on, {SCHEDULE}, cron: '0 9 * * MON-FRI', timezone: Europe/Paris, labels: {{by: clock}}, inputs: {{day: \"{{{{ trigger.date | date('EEEE') }}}}\"}}}}]"
    )]);
    let mut schedules = Schedules::open(&world.engine, at("2026-03-27T12:00:00Z")).await;
    let (next, name) = schedules.next().unwrap();
    assert_eq!((next.timestamp(), name), (at("2026-03-30T07:00:00Z"), "a.b.timed/on"));
    schedules.fire(at("2026-03-30T06:59:59Z")).await.unwrap();
    assert_eq!(world.engine.count(), 0);
    schedules.fire(at("2026-03-30T07:00:00Z")).await.unwrap();
    // Another host looks at the same date.
    let mut other = Schedules::open(&world.engine, at("2026-03-30T07:00:00Z")).await;
    other.fire(at("2026-03-30T07:00:01Z")).await.unwrap();
    world.engine.idle().await;
    let expected =
        "say INFO 2026-03-30T09:00:00+02:00 2026-03-31T09:00:00+02:00 2026-03-27T09:00:00+01:00 2026-03-30T09:00:00+02:00 Monday";
    assert_eq!(world.seen.log(), [expected]);
    assert_eq!(schedules.next().unwrap().0.timestamp(), at("2026-03-31T07:00:00Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_3_missed_dates_are_caught_up_as_the_trigger_says() {
    let looks = ["2026-01-01T10:30:00Z", "2026-01-01T13:30:00Z"];
    for (recover, expected) in [
        ("", vec!["2026-01-01T11:00:00Z none", "2026-01-01T12:00:00Z none", "2026-01-01T13:00:00Z none"]),
        (", recoverMissedSchedules: ALL", vec!["2026-01-01T11:00:00Z none", "2026-01-01T12:00:00Z none", "2026-01-01T13:00:00Z none"]),
        (", recoverMissedSchedules: LAST", vec!["2026-01-01T13:00:00Z none"]),
        (", recoverMissedSchedules: NONE", vec![]),
        (", lateMaximumDelay: PT1H", vec!["2026-01-01T13:00:00Z none"]),
    ] {
        let mut said = said(&format!("{SCHEDULE}, cron: '@hourly', timezone: UTC{recover}"), &looks).await;
        said.sort();
        assert_eq!(said, expected, "{recover}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_3_dates_that_fail_the_conditions_are_left_out() {
    let condition = "io.kestra.plugin.core.condition";
    let looks = ["2026-01-01T00:00:00Z", "2026-01-12T00:00:00Z"];
    for (rule, expected) in [
        (format!("conditions: [{{type: {condition}.Weekend, date: '{{{{ trigger.date }}}}'}}]"), vec!["03", "04", "10", "11"]),
        (format!("conditions: [{{type: {condition}.DayWeekInMonth, dayOfWeek: MONDAY, dayInMonth: SECOND}}]"), vec![]),
        (format!("scheduleConditions: [{{type: {condition}.DayWeek, dayOfWeek: TUESDAY}}]"), vec!["06"]),
        ("when: \"{{ trigger.date | date('dd') == '05' }}\"".to_owned(), vec!["05"]),
    ] {
        let mut said = said(&format!("{SCHEDULE}, cron: '0 12 * * *', timezone: UTC, {rule}"), &looks).await;
        said.sort();
        let expected: Vec<_> = expected.iter().map(|day| format!("2026-01-{day}T12:00:00Z none")).collect();
        assert_eq!(said, expected, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_3_a_schedule_on_dates() {
    let dates = "['2026-01-01T08:00:00Z', '2026-01-02T08:00:00', '2026-01-03']";
    let trigger = format!("type: io.kestra.plugin.core.trigger.ScheduleOnDates, dates: {dates}, timezone: Europe/Paris");
    let said = said(&trigger, &["2026-01-01T09:00:00Z", "2026-01-02T06:59:00Z", "2026-01-02T07:00:00Z", "2026-02-01T00:00:00Z"]).await;
    assert_eq!(said, ["2026-01-02T08:00:00+01:00 none", "2026-01-03T00:00:00+01:00 none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_3_inputs_that_the_flow_refuses_make_a_failed_execution() {
    let world = World::new(&[&format!(
        "id: timed\nnamespace: a.b\ninputs: [{{id: n, type: INT}}]\ntasks: [{{id: say, type: io.kestra.plugin.core.log.Log, message: x}}]\ntriggers: [{{id: on, {SCHEDULE}, cron: '@hourly', inputs: {{n: many}}}}]"
    )]);
    let mut schedules = Schedules::open(&world.engine, at("2026-01-01T10:30:00Z")).await;
    schedules.fire(at("2026-01-01T11:00:00Z")).await.unwrap();
    world.seen.reached("", switchyard_model::State::Failed).await;
    world.engine.idle().await;
    assert!(!world.seen.log().iter().any(|line| line.starts_with("say ")), "{:?}", world.seen.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_is_off_or_new_or_changed_does_not_catch_up() {
    let world = World::new(&[&flow(&format!("{SCHEDULE}, cron: '@hourly', timezone: UTC"))]);
    let look = async |time: &str| {
        let mut schedules = Schedules::open(&world.engine, at(time)).await;
        schedules.fire(at(time)).await.unwrap();
        world.engine.idle().await;
        world.seen.log().iter().filter(|line| line.starts_with("say ")).count()
    };
    assert_eq!(look("2026-01-01T10:30:00Z").await, 0, "new");
    let toggle = |enabled: bool| {
        format!(
            "id: toggle\nnamespace: a.b\ntasks: [{{id: t, type: io.kestra.plugin.core.trigger.Toggle, flowId: timed, trigger: on, enabled: {enabled}}}]"
        )
    };
    world.run_with(&toggle(false), json!({})).await;
    assert_eq!(look("2026-01-01T11:30:00Z").await, 0, "off");
    world.run_with(&toggle(true), json!({})).await;
    assert_eq!(look("2026-01-01T11:50:00Z").await, 0, "on again");
    assert_eq!(look("2026-01-01T12:30:00Z").await, 1, "on");
    world.add(&flow(&format!("{SCHEDULE}, cron: '*/5 * * * *', timezone: UTC")), 2);
    assert_eq!(look("2026-01-01T13:31:00Z").await, 1, "changed");
    assert_eq!(look("2026-01-01T13:35:00Z").await, 2);
}
