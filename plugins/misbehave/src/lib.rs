//! A runner that commits crimes on request.
use switchyard_plugin_api::prelude::*;

/// Properties.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Which crime.
    #[serde(default)]
    pub crime: String,
}

/// The runner.
#[derive(Default)]
pub struct Misbehave;

impl TaskRunner for Misbehave {
    type Properties = Properties;
    const TYPE: &'static str = "dev.switchyard.test.Misbehave";

    fn describe(&self) -> Description {
        Description::new("Commits crimes on request.")
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        context.write_log(LogStream::Stdout, request.properties.crime.as_bytes()).await;
        Ok(Outcome::exited(0))
    }
}

switchyard_plugin_api::export_plugin! {
    id: "misbehave",
    runners: [Misbehave],
}
