//! `switchyard run --dry-run`: what would be done.

use serde_json::{Value as Json, json};
use switchyard_engine::TaskPreview;

use super::{print, print_json};
use crate::{arguments::Globals, exit::Exit, failure::Failure, screen::Screen};

pub fn show(tasks: &[TaskPreview], globals: &Globals, as_json: bool) -> Result<Exit, Failure> {
    if as_json {
        print_json(&tasks.iter().map(document).collect::<Vec<_>>())?;
        return Ok(Exit::Success);
    }
    let palette = Screen::stdout(globals.color).palette;
    let mut text = String::new();
    for task in tasks {
        text.push_str(&format!("{} {}\n", palette.bold(&*task.task_id), palette.dim(&*task.type_name)));
        match (&task.runner_type, &task.preview) {
            (None, None) => text.push_str("  done by the host itself\n"),
            (runner, preview) => {
                if let Some(runner) = runner {
                    text.push_str(&format!("  taskRunner: {}\n{}", palette.name(runner), indented(&task.runner_properties, 4)));
                }
                match preview {
                    Some(Ok(preview)) => {
                        text.push_str(&format!("  {}:\n{}", preview.kind, indented(&preview.document, 4)));
                        for note in &preview.notes {
                            text.push_str(&format!("  note: {note}\n"));
                        }
                    }
                    Some(Err(error)) => {
                        text.push_str(&format!("  {} {error} [{}]\n", palette.doubtful("not known before the run:"), error.code));
                    }
                    None => {}
                }
            }
        }
        text.push('\n');
    }
    print(text.as_bytes())?;
    Ok(Exit::Success)
}

fn indented(value: &Json, by: usize) -> String {
    if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
        return String::new();
    }
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

fn document(task: &TaskPreview) -> Json {
    let (preview, error) = match &task.preview {
        Some(Ok(preview)) => (json!(preview), Json::Null),
        Some(Err(error)) => (Json::Null, json!(error)),
        None => (Json::Null, Json::Null),
    };
    json!({
        "taskId": task.task_id,
        "type": task.type_name,
        "runnerType": task.runner_type,
        "runnerProperties": task.runner_properties,
        "preview": preview,
        "error": error,
    })
}
