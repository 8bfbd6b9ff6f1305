//! What the service refuses.

use serde_json::Value;

const SIZES: &[(f64, &[u64])] = &[
    (0.25, &[512, 1024, 2048]),
    (0.5, &[1024, 2048, 3072, 4096]),
    (1.0, &[2048, 3072, 4096, 5120, 6144, 7168, 8192]),
    (2.0, &[4096, 5120, 6144, 7168, 8192, 16384]),
];

fn list<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    value[name].as_array().into_iter().flatten().collect()
}

fn amount(container: &Value, kind: &str) -> Result<f64, String> {
    let found = list(container, "resourceRequirements").into_iter().find(|one| one["type"] == kind).ok_or(format!("no {kind}"))?;
    found["value"].as_str().and_then(|text| text.parse().ok()).ok_or(format!("{kind} is no number in text"))
}

/// Why a job definition is none.
pub fn definition(body: &Value) -> Result<(), String> {
    if body["type"] != "container" || body.to_string().len() > 24 * 1024 {
        return Err("wrong type, or larger than 24 KiB".into());
    }
    let fargate = body["platformCapabilities"] == serde_json::json!(["FARGATE"]);
    let tasks = list(&body["ecsProperties"], "taskProperties");
    let [task] = tasks.as_slice() else { return Err("exactly one element of taskProperties".into()) };
    if fargate != task["networkConfiguration"].is_object() {
        return Err("networkConfiguration belongs to Fargate".into());
    }
    if fargate && !task["executionRoleArn"].is_string() {
        return Err("Fargate needs an executionRoleArn".into());
    }
    let containers = list(task, "containers");
    if containers.is_empty() || containers.len() > 10 || !containers.iter().any(|one| one["essential"] != false) {
        return Err("1 to 10 containers, one of them essential".into());
    }
    let named = |name: &Value| containers.iter().find(|one| one["name"] == *name);
    for container in &containers {
        if container["image"].as_str().is_none_or(str::is_empty)
            || container.get("workingDirectory").is_some()
            || container.get("entryPoint").is_some()
        {
            return Err("no image, or fields that do not exist".into());
        }
        for need in list(container, "dependsOn") {
            let Some(other) = named(&need["containerName"]) else {
                return Err(format!("container {} depends on {} which does not exist", container["name"], need["containerName"]));
            };
            if matches!(need["condition"].as_str(), Some("SUCCESS" | "COMPLETE")) && other["essential"] != false {
                return Err(format!("container {} is essential, nobody can wait for its end", other["name"]));
            }
        }
        for mount in list(container, "mountPoints") {
            if !list(task, "volumes").iter().any(|volume| volume["name"] == mount["sourceVolume"]) || !mount["readOnly"].is_boolean() {
                return Err("a mount without its volume".into());
            }
        }
        let cpu = amount(container, "VCPU")?;
        if !fargate && (cpu < 1.0 || cpu.fract() != 0.0) {
            return Err("VCPU has to be a whole number on EC2".into());
        }
        amount(container, "MEMORY")?;
    }
    if fargate {
        let sum = |kind: &str| containers.iter().map(|one| amount(one, kind).unwrap()).sum::<f64>();
        let (cpu, memory) = (sum("VCPU"), sum("MEMORY") as u64);
        if !SIZES.iter().any(|(one, some)| *one == cpu && some.contains(&memory)) {
            return Err(format!("Fargate has no {cpu} vCPU with {memory} MiB"));
        }
    }
    Ok(())
}
