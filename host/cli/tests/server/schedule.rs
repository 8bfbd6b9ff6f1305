//! Schedules of a server's flows.

use std::{thread, time::Instant};

use serde_json::Value as Json;

use crate::support::{
    Home,
    server::{PATIENCE, Server},
};

/// Executions of a flow that are over.
fn ended(server: &Server<'_>, flow: &str) -> Vec<Json> {
    let listed = server.ask(&["executions", "list", "--flow", flow, "--state", "SUCCESS", "--output", "json"]).expect(0).stdout();
    serde_json::from_str(&listed).unwrap()
}

fn until(server: &Server<'_>, flow: &str, count: usize) -> Vec<Json> {
    let begun = Instant::now();
    loop {
        let found = ended(server, flow);
        if found.len() >= count {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
        thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

#[test]
fn s11_3_a_server_starts_flows_at_their_dates_and_catches_up_after_it_was_killed() {
    let home = Home::new(&[]);
    let tick = |id: &str, cron: &str| {
        format!(
            "id: {id}\nnamespace: a.b\ntasks: [{{id: say, type: io.kestra.plugin.core.debug.Return, format: '{{{{ trigger.date }}}}'}}]\ntriggers: [{{id: every, type: io.kestra.plugin.core.trigger.Schedule, withSeconds: true, cron: '{cron}', timezone: UTC}}]"
        )
    };
    std::fs::create_dir(home.folder.path().join("flows")).unwrap();
    home.file("flows/tick.yaml", tick("tick", "* * * * * *"));
    home.file("flows/rare.yaml", tick("rare", "0 0 0 1 1 *"));
    let mut server = Server::start_at(&home, "data", &["--flows", "flows"]);
    until(&server, "tick", 2);

    let listed = server.ask(&["triggers", "list"]).expect(0).stdout();
    let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["TRIGGER", "TYPE", "STATE", "NEXT"]);
    assert_eq!(words[1][..3], ["a.b.rare/every", "io.kestra.plugin.core.trigger.Schedule", "enabled"]);
    assert!(words[1][3].ends_with("-01-01") && words[1][4..] == ["00:00:00", "UTC"], "{listed}");
    assert_eq!(words[2][0], "a.b.tick/every");

    server.kill();
    // Dates pass while nobody serves.
    let died = Instant::now();
    while died.elapsed().as_secs() < 2 {
        thread::park_timeout(std::time::Duration::from_millis(100));
    }
    server.again();
    let count = ended(&server, "tick").len();
    let all = until(&server, "tick", count + 4);
    // Every second from the first to the last, each once.
    let mut dates: Vec<String> = all
        .iter()
        .map(|row| {
            let document = server.show(row["id"].as_str().unwrap());
            document["trigger"]["variables"]["date"].as_str().unwrap().to_owned()
        })
        .collect();
    dates.sort();
    let seconds: Vec<i64> = dates.iter().map(|date| date.parse::<jiff::Timestamp>().unwrap().as_second()).collect();
    let whole: Vec<i64> = (seconds[0]..seconds[0] + seconds.len() as i64).collect();
    assert_eq!(seconds, whole, "{dates:?}");

    server.ask(&["triggers", "disable", "a.b.tick/every"]).expect(0);
    assert!(server.ask(&["triggers", "list"]).expect(0).stdout().contains("disabled"));
    let unknown = server.ask(&["triggers", "disable", "a.b.tick/evry"]).expect(2);
    assert!(unknown.stderr().contains("a.b.tick/every"), "{}", unknown.stderr());
    server.stop();
}
