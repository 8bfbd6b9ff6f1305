//! How large the containers are. Together they must be what was asked for, and on Fargate one of the sizes that are sold.

use serde_json::{Value, json};
use switchyard_plugin_api::{Error, Text};

use super::{
    platform::Platform,
    properties::{Properties, Request},
};

/// Thousandths of a vCPU, and MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub cpu: u64,
    pub memory: u64,
}

/// The sizes of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    pub main: Size,
    pub sidecar: Size,
    /// What was changed, for the user.
    pub notes: Vec<String>,
}

const MEMORY: u64 = 2048;
/// The least that ECS lets a container have.
const LEAST: u64 = 4;

/// Fargate's sizes: thousandths of a vCPU, least and most MiB, and the step between.
const FARGATE: &[(u64, u64, u64, u64)] = &[
    (250, 512, 2_048, 512),
    (500, 1_024, 4_096, 1_024),
    (1_000, 2_048, 8_192, 1_024),
    (2_000, 4_096, 16_384, 1_024),
    (4_000, 8_192, 30_720, 1_024),
    (8_000, 16_384, 61_440, 4_096),
    (16_000, 32_768, 122_880, 8_192),
];

/// The value of `cpu` in thousandths, or of `memory` in MiB.
pub fn number(name: &str, text: &str) -> Option<u64> {
    let text = text.trim();
    let value = if name == "cpu" {
        let cpu: f64 = text.parse().ok().filter(|cpu: &f64| cpu.is_finite() && *cpu < 1e6)?;
        (cpu * 1000.0).round() as u64
    } else {
        text.parse().ok()?
    };
    (value > 0).then_some(value)
}

impl Size {
    /// As Batch wants it.
    pub fn document(self) -> Value {
        let cpu = format!("{}", self.cpu as f64 / 1000.0);
        json!([{ "type": "VCPU", "value": cpu }, { "type": "MEMORY", "value": self.memory.to_string() }])
    }
}

fn asked(request: &Request, place: &str) -> Result<(Option<u64>, Option<u64>), Error> {
    let one = |name: &str, value: &Option<Text>| match value {
        None => Ok(None),
        Some(Text(text)) => number(name, text).map(Some).ok_or_else(|| {
            let help = if name == "cpu" { "write vCPUs, such as \"1\" or \"0.5\"" } else { "write MiB as a bare number, such as \"2048\"" };
            Error::user("aws_batch::invalid_size", format!("{text:?} is no amount of {name}"))
                .at(format!("{place}/request/{name}"))
                .with_help(help)
        }),
    };
    Ok((one("cpu", &request.cpu)?, one("memory", &request.memory)?))
}

/// The smallest size on sale that holds this one.
fn sold(size: Size) -> Option<Size> {
    FARGATE.iter().find_map(|&(cpu, least, most, step)| {
        let memory = least + size.memory.saturating_sub(least).div_ceil(step) * step;
        // A quarter of a vCPU is sold with 512, 1024 and 2048 MiB.
        let memory = if cpu == 250 && memory == 1_536 { 2_048 } else { memory };
        (cpu >= size.cpu && memory <= most).then_some(Size { cpu, memory })
    })
}

impl Sizes {
    /// Divides what was asked for between the command and its `sidecars`.
    pub fn of(properties: &Properties, platform: Platform, sidecars: usize) -> Result<Self, Error> {
        let fargate = platform == Platform::Fargate;
        let (cpu, memory) = asked(&properties.sidecar_resources.request, "/sidecarResources")?;
        let sidecar =
            Size { cpu: cpu.unwrap_or(if fargate { 250 } else { 1_000 }), memory: memory.unwrap_or(if fargate { 512 } else { 128 }) };
        let others = Size { cpu: sidecar.cpu * sidecars as u64, memory: sidecar.memory * sidecars as u64 };
        let (cpu, memory) = asked(&properties.resources.request, "/resources")?;
        // Where a container needs a whole vCPU, one for all would be none for the command.
        let usual = if fargate { 1_000 } else { 1_000 + others.cpu };
        let mut total = Size { cpu: cpu.unwrap_or(usual), memory: memory.unwrap_or(MEMORY) };
        let mut notes = Vec::new();
        if fargate {
            let Some(size) = sold(total) else {
                return Err(Error::user(
                    "aws_batch::invalid_size",
                    format!("Fargate has no size of {} vCPU with {} MiB", total.cpu as f64 / 1000.0, total.memory),
                )
                .at("/resources/request")
                .with_help("the largest has 16 vCPU and 122880 MiB; an EC2 environment may have more"));
            };
            if size != total {
                notes.push(format!(
                    "Fargate has no size of {} vCPU with {} MiB; the job gets the next one, {} vCPU with {} MiB.",
                    total.cpu as f64 / 1000.0,
                    total.memory,
                    size.cpu as f64 / 1000.0,
                    size.memory
                ));
                total = size;
            }
        } else {
            for (place, cpu) in [("/resources/request/cpu", total.cpu), ("/sidecarResources/request/cpu", sidecar.cpu)] {
                if cpu % 1_000 != 0 {
                    return Err(Error::user(
                        "aws_batch::invalid_size",
                        format!("{} vCPU is no whole number, which EC2 needs", cpu as f64 / 1000.0),
                    )
                    .at(place)
                    .with_help("write a whole number"));
                }
            }
        }
        let small = |what: &str, total: String, others: String| {
            Error::user(
                "aws_batch::invalid_size",
                format!("{total} {what} is too little: the containers for files take {others} of it, and nothing is left for the command"),
            )
            .at(format!("/resources/request/{}", if what == "vCPU" { "cpu" } else { "memory" }))
            .with_help("ask for more, or lower `sidecarResources`")
        };
        if total.cpu <= others.cpu {
            return Err(small("vCPU", (total.cpu as f64 / 1000.0).to_string(), (others.cpu as f64 / 1000.0).to_string()));
        }
        if total.memory < others.memory + LEAST {
            return Err(small("MiB", total.memory.to_string(), others.memory.to_string()));
        }
        Ok(Self { main: Size { cpu: total.cpu - others.cpu, memory: total.memory - others.memory }, sidecar, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(cpu: Option<&str>, memory: Option<&str>) -> Properties {
        let mut value = json!({ "region": "r", "computeEnvironmentArn": "e", "resources": { "request": {} } });
        if let Some(cpu) = cpu {
            value["resources"]["request"]["cpu"] = cpu.into();
        }
        if let Some(memory) = memory {
            value["resources"]["request"]["memory"] = memory.into();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn b5_the_command_gets_what_its_sidecars_leave() {
        use Platform::{Ec2, Fargate};
        for (platform, cpu, memory, sidecars, main) in [
            (Fargate, None, None, 0, (1_000, 2_048)),
            (Fargate, None, None, 2, (500, 1_024)),
            (Fargate, Some("0.5"), Some("1024"), 1, (250, 512)),
            (Fargate, Some("16"), Some("122880"), 2, (15_500, 121_856)),
            (Ec2, None, None, 2, (1_000, 1_792)),
            (Ec2, Some("4"), Some("1000"), 2, (2_000, 744)),
        ] {
            let sizes = Sizes::of(&properties(cpu, memory), platform, sidecars).unwrap();
            assert_eq!((sizes.main.cpu, sizes.main.memory), main, "{platform:?} {cpu:?} {memory:?} {sidecars}");
            assert!(sizes.notes.is_empty(), "{:?}", sizes.notes);
        }
    }

    #[test]
    fn b5_sizes_that_are_not_sold_become_the_next_one_and_are_told() {
        for (cpu, memory, total) in [
            ("0.25", "600", (250, 1_024)),
            ("0.25", "1500", (250, 2_048)),
            ("0.3", "512", (500, 1_024)),
            ("1", "9000", (2_000, 9_216)),
            ("8", "17000", (8_000, 20_480)),
        ] {
            let sizes = Sizes::of(&properties(Some(cpu), Some(memory)), Platform::Fargate, 0).unwrap();
            assert_eq!((sizes.main.cpu, sizes.main.memory), total, "{cpu} {memory}");
            assert_eq!(sizes.notes.len(), 1);
        }
    }

    #[test]
    fn b5_too_little_and_nonsense_fail_with_their_place() {
        use Platform::{Ec2, Fargate};
        for (platform, cpu, memory, sidecars, place) in [
            (Fargate, Some("0.25"), Some("512"), 1, "/resources/request/cpu"),
            (Fargate, Some("0.5"), Some("1024"), 2, "/resources/request/cpu"),
            (Fargate, Some("32"), None, 0, "/resources/request"),
            (Ec2, Some("1"), None, 1, "/resources/request/cpu"),
            (Ec2, Some("0.5"), None, 0, "/resources/request/cpu"),
            (Ec2, Some("3"), Some("256"), 2, "/resources/request/memory"),
            (Ec2, None, Some("2GB"), 0, "/resources/request/memory"),
            (Ec2, Some("many"), None, 0, "/resources/request/cpu"),
        ] {
            let error = Sizes::of(&properties(cpu, memory), platform, sidecars).unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.property.as_deref()),
                ("aws_batch::invalid_size", Some(place)),
                "{platform:?} {cpu:?} {memory:?}: {error}"
            );
        }
    }

    #[test]
    fn amounts_are_written_as_batch_reads_them() {
        assert_eq!(
            Size { cpu: 250, memory: 512 }.document(),
            json!([{ "type": "VCPU", "value": "0.25" }, { "type": "MEMORY", "value": "512" }])
        );
        assert_eq!(Size { cpu: 2_000, memory: 1 }.document()[0]["value"], "2");
    }
}
