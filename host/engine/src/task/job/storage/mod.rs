//! `storage.…`: stored files.

mod files;
mod items;
mod lines;
mod local_files;

use super::{JobTask, task};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.storage.Write", |given| Box::pin(files::write(given))),
    task("io.kestra.plugin.core.storage.Size", |given| Box::pin(files::size(given))),
    task("io.kestra.plugin.core.storage.Delete", |given| Box::pin(files::delete(given))),
    task("io.kestra.plugin.core.storage.Concat", |given| Box::pin(files::concat(given))),
    task("io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles", |given| Box::pin(files::purge(given))),
    task("io.kestra.plugin.core.storage.Split", |given| Box::pin(lines::split(given))),
    task("io.kestra.plugin.core.storage.Reverse", |given| Box::pin(lines::reverse(given))),
    task("io.kestra.plugin.core.storage.DeduplicateItems", |given| Box::pin(items::deduplicate(given))).late(&["expr"]),
    task("io.kestra.plugin.core.storage.FilterItems", |given| Box::pin(items::filter(given))).late(&["filterCondition"]),
    task("io.kestra.plugin.core.storage.LocalFiles", |given| Box::pin(local_files::run(given))),
];

pub use files::{unreadable, written as unwritten};
