//! What kind of compute environment it is.

use serde_json::Value;
use switchyard_plugin_api::Error;

use crate::api::Environment;

/// What the containers run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Fargate,
    Ec2,
    ManagedInstances,
}

impl Platform {
    /// Batch's word for it.
    pub fn capability(self) -> &'static str {
        match self {
            Self::Fargate => "FARGATE",
            Self::Ec2 => "EC2",
            Self::ManagedInstances => "MANAGED_INSTANCES",
        }
    }

    /// The kind of an environment that can take jobs.
    pub fn of(environment: Option<&Environment>, name: &str) -> Result<Self, Error> {
        let refuse = |message: String, help: &str| {
            Err(Error::user("aws_batch::compute_environment", message).at("/computeEnvironmentArn").with_help(help))
        };
        let Some(Environment { document }) = environment else {
            return refuse(format!("there is no compute environment {name:?}"), "create it, or check `computeEnvironmentArn` and `region`");
        };
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match document["containerOrchestrationType"].as_str() {
            None | Some("ECS") => {}
            Some(other) => {
                return refuse(
                    format!("the compute environment {name:?} runs on {other}, which this runner does not support"),
                    "use a Fargate or EC2 environment on ECS; for EKS use the task runner io.kestra.plugin.kubernetes.runner.Kubernetes",
                );
            }
        }
        let (state, status) = (word(&document["state"]), word(&document["status"]));
        if !matches!(state.as_str(), "" | "ENABLED") {
            return refuse(format!("the compute environment {name:?} is {state}"), "enable it");
        }
        if !matches!(status.as_str(), "" | "VALID" | "UPDATING" | "CREATING") {
            let why = word(&document["statusReason"]);
            return refuse(format!("the compute environment {name:?} is {status}: {why}"), "repair it in the AWS console");
        }
        Ok(match document["computeResources"]["type"].as_str() {
            Some("FARGATE" | "FARGATE_SPOT") => Self::Fargate,
            Some("ECS_MANAGED_INSTANCES") => Self::ManagedInstances,
            // An unmanaged environment has instances of its owner.
            _ => Self::Ec2,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn b3_every_kind_of_environment() {
        for (document, expected) in [
            (json!({ "computeResources": { "type": "FARGATE" } }), Ok(Platform::Fargate)),
            (json!({ "containerOrchestrationType": "ECS", "computeResources": { "type": "FARGATE_SPOT" } }), Ok(Platform::Fargate)),
            (json!({ "computeResources": { "type": "EC2" }, "state": "ENABLED", "status": "VALID" }), Ok(Platform::Ec2)),
            (json!({ "computeResources": { "type": "SPOT" } }), Ok(Platform::Ec2)),
            (json!({ "type": "UNMANAGED" }), Ok(Platform::Ec2)),
            (json!({ "computeResources": { "type": "ECS_MANAGED_INSTANCES" } }), Ok(Platform::ManagedInstances)),
            (json!({ "containerOrchestrationType": "EKS" }), Err("EKS")),
            (json!({ "state": "DISABLED" }), Err("DISABLED")),
            (json!({ "status": "INVALID", "statusReason": "no role" }), Err("no role")),
        ] {
            let found = Platform::of(Some(&Environment { document: document.clone() }), "mine");
            match expected {
                Ok(platform) => assert_eq!(found.unwrap(), platform, "{document}"),
                Err(word) => {
                    let error = found.unwrap_err();
                    assert!(error.message.contains(word) && error.message.contains("mine") && error.help.is_some(), "{error}");
                }
            }
        }
        assert!(Platform::of(None, "absent").unwrap_err().message.contains("absent"));
    }
}
