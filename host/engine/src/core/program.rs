//! A flow made ready for running: every task and every list of tasks has a number.

use std::{collections::HashMap, sync::Arc};

use switchyard_model::{Common, Flow, Retry, Task, TaskKind};

/// Number of a task.
pub type TaskIx = usize;
/// Number of a list of tasks.
pub type ListIx = usize;

/// One task, and where its children are.
#[derive(Debug)]
pub struct Def {
    pub task: Arc<Task>,
    /// The lists of the body. What they mean depends on the kind: the one list of a Sequential, the branches of an If, …
    pub body: Vec<ListIx>,
    pub errors: Option<ListIx>,
    pub finally: Option<ListIx>,
    /// Own retry, else that of the nearest flowable around it, else the flow's.
    pub retry: Option<Arc<Retry>>,
    /// The WorkingDirectory this task is a child of.
    pub working_directory: Option<TaskIx>,
    /// A Pause's task for its beginning.
    pub on_pause: Option<ListIx>,
    /// A step that ForEachItem is made of.
    pub step: Option<Step>,
}

/// The steps of a ForEachItem, each a task run of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Split,
    Items,
    Merge,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Split, Self::Items, Self::Merge];

    /// What is appended to the id of the ForEachItem.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Split => "_split",
            Self::Items => "_items",
            Self::Merge => "_merge",
        }
    }
}

/// A compiled flow.
#[derive(Debug)]
pub struct Program {
    pub flow: Arc<Flow>,
    defs: Vec<Def>,
    lists: Vec<Vec<TaskIx>>,
    ids: HashMap<Arc<str>, TaskIx>,
    pub tasks: ListIx,
    pub errors: Option<ListIx>,
    pub finally: Option<ListIx>,
    pub after: Option<ListIx>,
    /// Lists of the listeners, in their order.
    pub listeners: Vec<ListIx>,
}

#[derive(Clone, Default)]
struct Around {
    retry: Option<Arc<Retry>>,
    working_directory: Option<TaskIx>,
}

impl Program {
    pub fn new(flow: Arc<Flow>) -> Self {
        let mut program = Self {
            flow: Arc::clone(&flow),
            defs: Vec::new(),
            lists: Vec::new(),
            ids: HashMap::new(),
            tasks: 0,
            errors: None,
            finally: None,
            after: None,
            listeners: Vec::new(),
        };
        let around = Around { retry: flow.retry.clone().map(Arc::new), working_directory: None };
        program.tasks = program.list(&flow.tasks, &around);
        program.errors = program.optional(&flow.errors, &around);
        program.finally = program.optional(&flow.finally, &around);
        program.after = program.optional(&flow.after_execution, &around);
        program.listeners = flow.listeners.iter().map(|listener| program.list(&listener.tasks, &around)).collect();
        program
    }

    pub fn def(&self, task: TaskIx) -> &Def {
        &self.defs[task]
    }

    /// How many tasks there are, at any depth.
    pub fn len(&self) -> usize {
        self.defs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }

    pub fn list_of(&self, list: ListIx) -> &[TaskIx] {
        &self.lists[list]
    }

    pub fn find(&self, id: &str) -> Option<TaskIx> {
        self.ids.get(id).copied()
    }

    fn optional(&mut self, tasks: &[Task], around: &Around) -> Option<ListIx> {
        (!tasks.is_empty()).then(|| self.list(tasks, around))
    }

    fn list(&mut self, tasks: &[Task], around: &Around) -> ListIx {
        let numbers = tasks.iter().map(|task| self.task(task, around)).collect();
        self.lists.push(numbers);
        self.lists.len() - 1
    }

    fn task(&mut self, task: &Task, around: &Around) -> TaskIx {
        let retry = task.common.retry.clone().map(Arc::new).or_else(|| around.retry.clone());
        let number = self.defs.len();
        self.defs.push(Def {
            task: Arc::new(task.clone()),
            body: Vec::new(),
            errors: None,
            finally: None,
            retry: retry.clone(),
            working_directory: around.working_directory,
            on_pause: None,
            step: None,
        });
        self.ids.insert(Arc::clone(&task.id), number);
        let mut inside = Around { retry, working_directory: None };
        let body = match &task.kind {
            TaskKind::Runnable | TaskKind::Subflow(_) => Vec::new(),
            TaskKind::ForEachItem(_) => vec![self.parts(task, &inside)],
            TaskKind::Sequential(kind) | TaskKind::AllowFailure(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::Parallel(kind) => kind.tasks.iter().map(|task| self.list(std::slice::from_ref(task), &inside)).collect(),
            TaskKind::Dag(kind) => kind.tasks.iter().map(|entry| self.list(std::slice::from_ref(&entry.task), &inside)).collect(),
            TaskKind::If(kind) => vec![self.list(&kind.then, &inside), self.list(&kind.otherwise, &inside)],
            TaskKind::Switch(kind) => {
                let mut lists: Vec<ListIx> = kind.cases.iter().map(|(_, tasks)| self.list(tasks, &inside)).collect();
                lists.push(self.list(&kind.defaults, &inside));
                lists
            }
            TaskKind::EachSequential(kind) | TaskKind::EachParallel(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::ForEach(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::Loop(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::LoopUntil(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::Pause(kind) => vec![self.list(&kind.tasks, &inside)],
            TaskKind::WorkingDirectory(kind) => {
                inside.working_directory = Some(number);
                vec![self.list(&kind.tasks, &inside)]
            }
        };
        inside.working_directory = None;
        let errors = self.optional(&task.errors, &inside);
        let finally = self.optional(&task.finally, &inside);
        let on_pause = match &task.kind {
            TaskKind::Pause(pause) => pause.on_pause.as_deref().map(|task| self.list(std::slice::from_ref(task), &inside)),
            _ => None,
        };
        let def = &mut self.defs[number];
        def.body = body;
        def.errors = errors;
        def.finally = finally;
        def.on_pause = on_pause;
        number
    }

    /// The steps of a ForEachItem.
    fn parts(&mut self, task: &Task, inside: &Around) -> ListIx {
        let mut list = Vec::new();
        for part in Step::ALL {
            let mut step = task.clone();
            step.id = format!("{}{}", task.id, part.suffix()).into();
            step.common = Common { log_level: task.common.log_level, ..Common::default() };
            (step.errors, step.finally) = (Vec::new(), Vec::new());
            let number = self.defs.len();
            self.ids.insert(Arc::clone(&step.id), number);
            self.defs.push(Def {
                task: Arc::new(step),
                body: Vec::new(),
                errors: None,
                finally: None,
                retry: inside.retry.clone(),
                working_directory: None,
                on_pause: None,
                step: Some(part),
            });
            list.push(number);
        }
        self.lists.push(list);
        self.lists.len() - 1
    }
}
