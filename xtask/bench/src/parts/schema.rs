use std::{fs, hint::black_box, path::Path, time::Instant};

use serde_json::json;
use switchyard_registry::schema::Properties;

use super::load::registry;
use crate::error::{Error, Result};

const TYPE: &str = "io.kestra.plugin.scripts.runner.docker.Docker";

/// `schema FOLDER CACHE COUNT FILE`: checks the same properties against the Docker runner's schema `COUNT` times and prints the seconds
/// of one check. `FILE` gets the schema and the properties, for a peer to do the same.
pub fn run(arguments: &[String]) -> Result<()> {
    let [folder, cache, count, file] = arguments else {
        return Err(Error::Usage("schema FOLDER CACHE COUNT FILE".to_owned()));
    };
    let count: u32 = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    let component = registry(folder, cache)?.component(TYPE).map_err(|error| Error::Run(error.to_string()))?;
    let document = json!({
        "pullPolicy": "IF_NOT_PRESENT",
        "cpu": { "cpus": 1 },
        "memory": { "memory": "512MB" },
        "volumes": ["/tmp/in:/in:ro", "/tmp/out:/out"],
        "networkMode": "none",
    });
    let work = json!({ "schema": component.schema, "document": document });
    fs::write(file, work.to_string()).map_err(|error| Error::file("write", Path::new(file), &error))?;
    let properties = Properties::new(component.schema.clone()).map_err(Error::Run)?;
    if let Some(finding) = properties.check(&document).first() {
        return Err(Error::Run(format!("the properties do not fit: {}", finding.problem().message)));
    }
    let begin = Instant::now();
    for _ in 0..count {
        black_box(properties.check(black_box(&document)));
    }
    println!("{}", begin.elapsed().as_secs_f64() / f64::from(count));
    Ok(())
}
