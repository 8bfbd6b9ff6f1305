//! A plugin's set of components, and the macro that exports it.

use std::{fmt, sync::Arc};

use crate::{Component, ComponentKind, DynTask, DynTaskRunner, Manifest, PluginInfo, Task, TaskRunner, TypedRunner, TypedTask};

/// The components of one plugin, or those compiled into the host.
pub struct PluginSet {
    info: PluginInfo,
    components: Vec<Component>,
    runners: Vec<(&'static str, Arc<dyn DynTaskRunner>)>,
    tasks: Vec<(&'static str, Arc<dyn DynTask>)>,
}

impl fmt::Debug for PluginSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSet").field("info", &self.info).field("components", &self.components.len()).finish()
    }
}

impl PluginSet {
    /// An empty set.
    pub fn new(id: impl Into<String>, version: impl Into<String>) -> Self {
        let info = PluginInfo {
            id: id.into(),
            version: version.into(),
            api: crate::API_VERSION.to_owned(),
            rustc: crate::header::RUSTC.to_owned(),
            target: crate::header::TARGET.to_owned(),
            panic: if cfg!(panic = "unwind") { "unwind" } else { "abort" }.to_owned(),
        };
        Self { info, components: Vec::new(), runners: Vec::new(), tasks: Vec::new() }
    }

    /// Adds a task runner.
    #[must_use]
    pub fn runner<R: TaskRunner>(mut self, runner: R) -> Self {
        let typed = TypedRunner::new(runner);
        self.components.push(typed.component());
        self.runners.push((R::TYPE, Arc::new(typed)));
        self
    }

    /// Adds a task.
    #[must_use]
    pub fn task<T: Task>(mut self, task: T) -> Self {
        let typed = TypedTask::new(task);
        self.components.push(typed.component());
        self.tasks.push((T::TYPE, Arc::new(typed)));
        self
    }

    /// The library.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// Everything the set says about itself.
    pub fn manifest(&self) -> Manifest {
        Manifest { plugin: self.info.clone(), components: self.components.clone() }
    }

    /// A runner by canonical type name.
    pub fn find_runner(&self, type_name: &str) -> Option<Arc<dyn DynTaskRunner>> {
        self.runners.iter().find(|(name, _)| *name == type_name).map(|(_, runner)| runner.clone())
    }

    /// A task by canonical type name.
    pub fn find_task(&self, type_name: &str) -> Option<Arc<dyn DynTask>> {
        self.tasks.iter().find(|(name, _)| *name == type_name).map(|(_, task)| task.clone())
    }

    /// Kinds and canonical type names.
    pub fn types(&self) -> impl Iterator<Item = (ComponentKind, &str)> {
        self.components.iter().map(|c| (c.kind, c.type_name.as_str()))
    }
}

/// Exports a plugin: its header, its root module, and for tests that link it a function `plugin()`.
///
/// Every component type needs `Default`. The id is short and unique, such as `docker`; the version is the crate's.
///
/// ```ignore
/// switchyard_plugin_api::export_plugin! {
///     id: "aws",
///     runners: [BatchRunner],
///     tasks: [AwsCli],
/// }
/// ```
#[macro_export]
macro_rules! export_plugin {
    (id: $id:literal $(, runners: [$($runner:ty),* $(,)?])? $(, tasks: [$($task:ty),* $(,)?])? $(,)?) => {
        /// The components of this plugin.
        pub fn plugin() -> $crate::PluginSet {
            $crate::PluginSet::new($id, env!("CARGO_PKG_VERSION"))
                $($(.runner(<$runner as ::core::default::Default>::default()))*)?
                $($(.task(<$task as ::core::default::Default>::default()))*)?
        }

        const _: () = {
            const PARTS: &[&str] = &[
                "{\"switchyard\":1,\"id\":\"", $id,
                "\",\"version\":\"", env!("CARGO_PKG_VERSION"),
                "\",\"api\":\"", $crate::API_VERSION,
                "\",\"rustc\":\"", $crate::header::RUSTC,
                "\",\"target\":\"", $crate::header::TARGET,
                "\",\"panic\":\"", if cfg!(panic = "unwind") { "unwind" } else { "abort" },
                "\",\"components\":[",
                $($("[\"task-runner\",\"", <$runner as $crate::TaskRunner>::TYPE, "\"],",)*)?
                $($("[\"task\",\"", <$task as $crate::Task>::TYPE, "\"],",)*)?
                // JSON allows no comma at the end of a list.
                "[\"task\",\"\"]]}",
            ];
            const LENGTH: usize = $crate::header::length(PARTS);

            #[used]
            #[unsafe(link_section = ".switchyard")]
            #[unsafe(export_name = "switchyard_plugin_header_v1")]
            static HEADER: [u8; LENGTH] = $crate::header::concat::<LENGTH>(PARTS);

            struct Entry;

            impl $crate::abi::plugin::Entry for Entry {
                fn plugin() -> $crate::PluginSet {
                    plugin()
                }
            }

            extern "C" fn load() -> $crate::abi::plugin::RootModuleResult {
                $crate::abi::plugin::__call_root_module_loader($crate::abi::plugin::module::<Entry>)
            }

            #[unsafe(export_name = "switchyard_plugin_root_v1")]
            pub static ROOT: $crate::abi::plugin::LibHeader = $crate::abi::plugin::header(load);
        };
    };
}
