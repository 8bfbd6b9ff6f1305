//! The two tasks of every language.

use std::marker::PhantomData;

use switchyard_plugin_api::{Archive, PlanFile, TargetOs, prelude::*, script::ScriptProperties};

use crate::{
    describe,
    extra::{Extra, Preparation},
    language::{Spoken, Text},
    path, python,
};

/// Properties of a `Script` task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Script", extend("additionalProperties" = false))]
pub struct ScriptTask<E> {
    /// The text of the script.
    script: String,
    #[serde(flatten)]
    base: ScriptProperties,
    #[serde(flatten)]
    extra: E,
}

/// Properties of a `Commands` task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Commands", extend("additionalProperties" = false))]
pub struct CommandsTask<E> {
    /// The commands, given to one interpreter together: what one of them sets, the next ones see.
    commands: Vec<String>,
    #[serde(flatten)]
    base: ScriptProperties,
    #[serde(flatten)]
    extra: E,
}

/// Runs one script.
#[derive(Debug, Default)]
pub struct Script<L>(PhantomData<L>);

/// Runs commands.
#[derive(Debug, Default)]
pub struct Commands<L>(PhantomData<L>);

impl<L: Spoken> Task for Script<L> {
    type Properties = ScriptTask<L::Extra>;
    const TYPE: &'static str = L::SCRIPT;

    fn describe(&self) -> Description {
        describe::script(&L::LANGUAGE, Self::TYPE)
    }

    fn plan(&self, properties: &Self::Properties, context: &PlanContext) -> Result<Plan, Error> {
        let language = L::LANGUAGE;
        let Text::File { extension, run } = language.text else {
            return Ok(plan::<L>(&properties.base, true, std::slice::from_ref(&properties.script)));
        };
        let preparation = properties.extra.preparation(&properties.base, context)?;
        let is_python = language.id == "python";
        let content = if is_python { python::with_json_names(&properties.script) } else { properties.script.as_str().into() };
        let name = path::name(&content, properties.extra.extension().unwrap_or(extension));
        let file = path::absolute(context, &name);
        let words: Vec<&str> = run.iter().chain(properties.extra.arguments()).copied().collect();
        let on_host = is_python && !context.containerized && context.target_os != TargetOs::Windows;

        let commands = if properties.base.exec_form() {
            let program = if words.is_empty() { language.interpreter.to_vec() } else { words };
            let program = if on_host { vec!["python3"] } else { program };
            program.into_iter().map(str::to_owned).chain([file]).collect()
        } else {
            let file = path::word(&file, context.target_os);
            vec![match words.as_slice() {
                // PowerShell executes a path, but only prints a string.
                [] if file.starts_with(['\'', '"']) => format!("& {file}"),
                [] => file,
                _ if let Some(preparation) = &preparation => format!("{} {file}", preparation.program),
                _ if on_host => python::run_on_host(&file),
                words => format!("{} {file}", words.join(" ")),
            }]
        };
        let mut base = properties.base.clone();
        if !language.before.is_empty() {
            let own = language.before.iter().map(|&command| command.to_owned());
            base.before_commands = Some(own.chain(base.before_commands.unwrap_or_default()).collect());
        }
        let mut files = vec![PlanFile { path: name, content: content.into_owned(), executable: false }];
        let archives = prepare(&mut base, preparation, &mut files);
        Ok(Plan { files, archives, ..plan::<L>(&base, true, &commands) })
    }
}

impl<L: Spoken> Task for Commands<L> {
    type Properties = CommandsTask<L::Extra>;
    const TYPE: &'static str = L::COMMANDS;

    fn describe(&self) -> Description {
        describe::commands(&L::LANGUAGE, Self::TYPE)
    }

    fn plan(&self, properties: &Self::Properties, context: &PlanContext) -> Result<Plan, Error> {
        let (mut base, mut files) = (properties.base.clone(), Vec::new());
        let archives = prepare(&mut base, properties.extra.preparation(&properties.base, context)?, &mut files);
        Ok(Plan { files, archives, ..plan::<L>(&base, L::LANGUAGE.commands_fail_fast, &properties.commands) })
    }
}

/// Puts a preparation in front of the user's own commands; answers what it keeps.
fn prepare(base: &mut ScriptProperties, preparation: Option<Preparation>, files: &mut Vec<PlanFile>) -> Vec<Archive> {
    let Some(preparation) = preparation else { return Vec::new() };
    base.before_commands.get_or_insert_default().insert(0, preparation.command);
    files.extend(preparation.files);
    preparation.archives
}

fn plan<L: Spoken>(base: &ScriptProperties, fail_fast: bool, commands: &[String]) -> Plan {
    let language = L::LANGUAGE;
    Plan {
        argv: base.argv_for(language.interpreter, fail_fast.then_some(language.exit_on_error), commands),
        env: language.env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        image: Some(language.image.to_owned()),
        ..Plan::default()
    }
}
