//! What the real service would refuse about a job: names it does not know, numbers in the wrong form.

use serde_json::Value;

/// Fields of the published definition that the runner may use, by the path of their parent; a star stands for a list's entries.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["taskGroups", "allocationPolicy", "labels", "logsPolicy"]),
    ("/taskGroups/*", &["taskCount", "taskSpec"]),
    ("/taskGroups/*/taskSpec", &["runnables", "maxRunDuration", "maxRetryCount", "lifecyclePolicies", "computeResource", "volumes"]),
    ("/taskGroups/*/taskSpec/runnables/*", &["container", "environment"]),
    ("/taskGroups/*/taskSpec/runnables/*/container", &["imageUri", "commands", "entrypoint", "volumes", "options"]),
    ("/taskGroups/*/taskSpec/runnables/*/environment", &["variables"]),
    ("/taskGroups/*/taskSpec/lifecyclePolicies/*", &["action", "actionCondition"]),
    ("/taskGroups/*/taskSpec/lifecyclePolicies/*/actionCondition", &["exitCodes"]),
    ("/taskGroups/*/taskSpec/computeResource", &["cpuMilli", "memoryMib", "bootDiskMib"]),
    ("/taskGroups/*/taskSpec/volumes/*", &["gcs", "mountPath"]),
    ("/taskGroups/*/taskSpec/volumes/*/gcs", &["remotePath"]),
    ("/allocationPolicy", &["instances", "network", "location", "labels", "serviceAccount"]),
    ("/allocationPolicy/instances/*", &["policy", "installGpuDrivers"]),
    ("/allocationPolicy/instances/*/policy", &["machineType", "reservation", "provisioningModel", "accelerators"]),
    ("/allocationPolicy/instances/*/policy/accelerators/*", &["type", "count"]),
    ("/allocationPolicy/network", &["networkInterfaces"]),
    ("/allocationPolicy/network/networkInterfaces/*", &["network", "subnetwork", "noExternalIpAddress"]),
    ("/allocationPolicy/location", &["allowedLocations"]),
    ("/allocationPolicy/serviceAccount", &["email"]),
    ("/logsPolicy", &["destination"]),
];

/// Objects whose names are the caller's.
const MAPS: &[&str] = &["labels", "variables"];
const LONG_NUMBERS: &[&str] = &["taskCount", "cpuMilli", "memoryMib", "bootDiskMib", "count"];

pub fn check(job: &Value) -> Result<(), String> {
    walk("", job)?;
    if job.to_string().len() > 1 << 20 {
        return Err("the job is larger than 1 MB".to_owned());
    }
    for labels in [&job["labels"], &job["allocationPolicy"]["labels"]] {
        for (name, value) in labels.as_object().ok_or("no labels")? {
            let value = value.as_str().ok_or("a label is no text")?;
            let legal =
                |text: &str| text.len() <= 63 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
            if !legal(name) || !legal(value) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Err(format!("the label {name}={value} is not legal"));
            }
        }
    }
    let spec = &job["taskGroups"][0]["taskSpec"];
    let duration = spec["maxRunDuration"].as_str().and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse::<f64>().ok());
    if duration.is_none_or(|seconds| seconds <= 0.0) {
        return Err("maxRunDuration is no duration".to_owned());
    }
    for runnable in spec["runnables"].as_array().ok_or("no runnables")? {
        if runnable["container"]["imageUri"].as_str().is_none_or(str::is_empty) {
            return Err("a container without an image".to_owned());
        }
        let mounts = spec["volumes"].as_array().map_or(0, Vec::len);
        let used = runnable["container"]["volumes"].as_array().map_or(0, Vec::len);
        if mounts != used {
            return Err("volumes of the machine and of the container differ".to_owned());
        }
    }
    Ok(())
}

fn walk(path: &str, value: &Value) -> Result<(), String> {
    let last = path.rsplit('/').next().unwrap();
    if LONG_NUMBERS.contains(&last) && value.as_str().is_none_or(|text| text.parse::<i64>().is_err()) {
        return Err(format!("{path} is no number as text: {value}"));
    }
    match value {
        Value::Object(_) if MAPS.contains(&last) => Ok(()),
        Value::Object(fields) => {
            let known = FIELDS.iter().find(|(known, _)| *known == path).map(|(_, fields)| *fields).ok_or(format!("{path} is no object"))?;
            fields.iter().try_for_each(|(name, value)| {
                if !known.contains(&name.as_str()) {
                    return Err(format!("unknown name {name:?} in {path:?}"));
                }
                walk(&format!("{path}/{name}"), value)
            })
        }
        Value::Array(entries) => {
            entries.iter().try_for_each(|entry| if entry.is_object() { walk(&format!("{path}/*"), entry) } else { Ok(()) })
        }
        Value::Null => Err(format!("{path} is null")),
        _ => Ok(()),
    }
}
