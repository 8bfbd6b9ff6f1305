//! A plugin with an allocator of its own, which asks for the static TLS block as such allocators do.
//!
//! For the tests of the boundary only.

use mimalloc::MiMalloc;
use schemars::JsonSchema;
use serde::Deserialize;
use switchyard_plugin_api::prelude::{Context, Description, Error, LogStream, Outcome, RunRequest, TaskRunner};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Deserialize, JsonSchema)]
pub struct Properties {
    /// How many bytes of text it makes.
    #[serde(default)]
    bytes: usize,
}

#[derive(Default)]
pub struct Allocating;

impl TaskRunner for Allocating {
    type Properties = Properties;
    const TYPE: &'static str = "dev.switchyard.test.Allocating0";

    fn describe(&self) -> Description {
        Description::new("Allocates with an allocator of its own.")
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        let text = "x".repeat(request.properties.bytes);
        context.write_log(LogStream::Stdout, text.as_bytes()).await;
        // The host reads it and gives it back.
        Ok(Outcome::exited(0).detail("text", text))
    }
}

switchyard_plugin_api::export_plugin! {
    id: "allocating0",
    runners: [Allocating],
}
