//! The container that a request asks for: pure data, shown by a preview and sent by a run.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerCreateBody, DeviceRequest, HostConfig, Mount, MountType, MountVolumeOptions, PortMap};
use serde_json::Value;
use switchyard_plugin_api::prelude::*;

use crate::{bind, error::Failure, port::Port, properties::Properties, reference::Reference};

/// Label with the task's key: what belongs to the same attempt carries the same one.
pub const KEY_LABEL: &str = "switchyard.run/key";

/// Bytes of an argument or a variable from which on Linux refuses to pass it to a program.
const LONGEST: usize = 128 << 10;

/// A container to be.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Deterministic name: creating it twice is a conflict, not a second container.
    pub name: String,
    /// The image.
    pub image: Reference,
    /// Body of the create request.
    pub body: ContainerCreateBody,
    /// What will be ignored or treated differently.
    pub notes: Vec<String>,
}

impl Blueprint {
    /// The container for a request; `with_volume`: the working directory is a volume.
    pub fn new(request: &RunRequest<Properties>, with_volume: bool) -> Result<Self, Failure> {
        let properties = &request.properties;
        let image = Reference::parse(image(request).ok_or(Failure::ImageRequired)?)?;
        let mut notes = Vec::new();
        let labels: HashMap<String, String> = request
            .task
            .labels
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .chain([(KEY_LABEL.to_owned(), request.task.key.clone())])
            .collect();
        let ports = ports(properties)?;
        let env = env(request);
        check_length(&request.command.argv, &env)?;
        let working_dir = Some(working_dir(request)).filter(|d| !d.is_empty());
        let host_config = host_config(request, with_volume, &labels, &ports, &mut notes)?;
        let body = ContainerCreateBody {
            image: Some(image.to_string()),
            cmd: Some(request.command.argv.clone()),
            entrypoint: Some(properties.entry_point.clone().unwrap_or_else(|| vec![String::new()])),
            env: Some(env),
            working_dir,
            user: properties.user.as_ref().map(|u| u.0.clone()),
            labels: Some(labels),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            exposed_ports: (!ports.is_empty()).then(|| ports.iter().map(|p| p.container.clone()).collect()),
            stop_signal: properties.stop_signal.clone(),
            host_config: Some(host_config),
            ..Default::default()
        };
        Ok(Self { name: name(&request.task.key), image, body, notes })
    }

    /// The container as a document: its name and the body of the create request.
    pub fn document(&self) -> Value {
        let mut document = serde_json::Map::new();
        document.insert("Name".to_owned(), Value::from(self.name.clone()));
        if let Ok(Value::Object(body)) = serde_json::to_value(&self.body) {
            document.extend(body);
        }
        let mut document = Value::Object(document);
        sort(&mut document);
        document
    }
}

/// Sorts what the engine's client keeps in maps without an order: the same request shows the same document.
fn sort(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let ("Labels" | "PortBindings" | "Tmpfs" | "Options", Value::Object(map)) = (name.as_str(), &mut *field) {
                    map.sort_keys();
                } else {
                    sort(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Image of the request: that of old flows wins.
pub fn image(request: &RunRequest<Properties>) -> Option<&str> {
    [request.properties.image.as_deref(), request.command.image.as_deref()].into_iter().flatten().map(str::trim).find(|i| !i.is_empty())
}

/// The working directory, in the container as on the host.
pub fn working_dir(request: &RunRequest<Properties>) -> String {
    request.files.working_dir.display().to_string()
}

/// A container name for a key: the engine allows letters, digits and `_.-`.
pub fn name(key: &str) -> String {
    let clean: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' }).collect();
    format!("switchyard-{clean}")
}

/// Whether the administrator allows `volumes`.
pub fn volumes_allowed(config: &Value) -> bool {
    ["volume-enabled", "volumeEnabled"].iter().filter_map(|key| config.get(key)).any(|value| match value {
        Value::Bool(on) => *on,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    })
}

/// What is too long would only be refused in the container, by whatever program starts the command there.
pub fn check_length(argv: &[String], env: &[String]) -> Result<(), Failure> {
    let too_long = |text: &&String| text.len() >= LONGEST;
    if let Some((place, argument)) = argv.iter().enumerate().find(|(_, argument)| too_long(argument)) {
        return Err(Failure::CommandTooLong { what: format!("argument {place} of the command"), bytes: argument.len() });
    }
    if let Some(variable) = env.iter().find(too_long) {
        let name = variable.split('=').next().unwrap_or_default();
        return Err(Failure::CommandTooLong { what: format!("the variable {name}"), bytes: variable.len() });
    }
    Ok(())
}

fn env(request: &RunRequest<Properties>) -> Vec<String> {
    let mut env: BTreeMap<&str, String> = request.command.env.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    let directory = working_dir(request);
    if !directory.is_empty() {
        if let Some(output) = &request.files.output_dir {
            env.entry("OUTPUT_DIR").or_insert_with(|| format!("{directory}/{output}"));
        }
        env.entry("WORKING_DIR").or_insert(directory);
    }
    env.into_iter().map(|(k, v)| format!("{k}={v}")).collect()
}

fn ports(properties: &Properties) -> Result<Vec<Port>, Failure> {
    properties.port_bindings.iter().flatten().enumerate().map(|(index, entry)| Port::parse(entry, index)).collect()
}

fn host_config(
    request: &RunRequest<Properties>,
    with_volume: bool,
    labels: &HashMap<String, String>,
    ports: &[Port],
    notes: &mut Vec<String>,
) -> Result<HostConfig, Failure> {
    let properties = &request.properties;
    let memory = properties.memory.clone().unwrap_or_default();
    if memory.kernel_memory.is_some() {
        notes.push("memory.kernelMemory is ignored: engines have no such limit any more".to_owned());
    }
    let bytes = |size: switchyard_plugin_api::ByteSize| i64::try_from(size.0).unwrap_or(i64::MAX);
    let mut port_map = PortMap::new();
    for port in ports {
        port_map.entry(port.container.clone()).or_default().get_or_insert_default().push(port.host.clone());
    }
    Ok(HostConfig {
        binds: binds(request, notes)?,
        mounts: with_volume.then(|| vec![volume(request, labels)]),
        extra_hosts: properties.extra_hosts.clone(),
        network_mode: properties.network_mode.clone(),
        port_bindings: (!ports.is_empty()).then_some(port_map),
        device_requests: properties.device_requests.as_ref().map(|requests| requests.iter().map(device).collect()),
        nano_cpus: properties.cpu.as_ref().and_then(|cpu| cpu.cpus).map(crate::scalar::Cpus::nano),
        memory: memory.memory.map(bytes),
        memory_swap: memory.memory_swap.map(crate::scalar::SwapSize::bytes),
        memory_swappiness: memory.memory_swappiness.map(bytes),
        memory_reservation: memory.memory_reservation.map(bytes),
        oom_kill_disable: memory.oom_kill_disable.map(|f| f.0),
        shm_size: properties.shm_size.map(bytes),
        privileged: properties.privileged.map(|f| f.0),
        init: properties.init().then_some(true),
        pids_limit: properties.pids_limit,
        cap_add: properties.cap_add.clone(),
        cap_drop: properties.cap_drop.clone(),
        security_opt: properties.security_opt.clone(),
        tmpfs: properties.tmpfs.clone().map(|map| map.into_iter().collect()),
        runtime: properties.runtime.clone(),
        ..Default::default()
    })
}

fn binds(request: &RunRequest<Properties>, notes: &mut Vec<String>) -> Result<Option<Vec<String>>, Failure> {
    let mut binds = Vec::new();
    let directory = working_dir(request);
    if !request.properties.copies_files() && !directory.is_empty() {
        binds.push(format!("{directory}:{directory}:rw"));
    }
    if let Some(volumes) = request.properties.volumes.as_ref().filter(|v| !v.is_empty()) {
        for (index, entry) in volumes.iter().enumerate() {
            bind::check(entry, index)?;
        }
        if volumes_allowed(&request.config) {
            binds.extend(volumes.iter().cloned());
        } else {
            notes.push(
                "volumes is ignored: the administrator has not set volume-enabled: true in the configuration of the Docker task runner"
                    .to_owned(),
            );
        }
    }
    Ok((!binds.is_empty()).then_some(binds))
}

/// An anonymous volume: it disappears in the same request as its container, so there is no moment at which it can be left behind.
fn volume(request: &RunRequest<Properties>, labels: &HashMap<String, String>) -> Mount {
    Mount {
        target: Some(working_dir(request)),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), labels: Some(labels.clone()), ..Default::default() }),
        ..Default::default()
    }
}

fn device(request: &crate::properties::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone().map(|map| map.into_iter().collect()),
    }
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod container_tests;
