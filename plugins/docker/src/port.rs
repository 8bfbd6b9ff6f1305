//! Entries of `portBindings`: `[ip:]hostPort:containerPort[/protocol]`.

use bollard::models::PortBinding;

use crate::error::Failure;

/// A published port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Such as `80/tcp`.
    pub container: String,
    /// Where it appears on the engine's machine.
    pub host: PortBinding,
}

impl Port {
    /// Parses an entry.
    pub fn parse(entry: &str, index: usize) -> Result<Self, Failure> {
        let invalid = |reason: String| Failure::InvalidPort { entry: entry.to_owned(), index, reason };
        let (ports, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        if !matches!(protocol, "tcp" | "udp" | "sctp") {
            return Err(invalid(format!("the protocol {protocol:?} is none of tcp, udp, sctp")));
        }
        let (front, container) = ports.rsplit_once(':').ok_or_else(|| invalid("it needs a host port and a container port".to_owned()))?;
        let (ip, host) = match front.rsplit_once(':') {
            Some((ip, host)) => (Some(ip.trim_start_matches('[').trim_end_matches(']')), host),
            None => (None, front),
        };
        if container.parse::<u16>().map_or(true, |port| port == 0) {
            return Err(invalid(format!("the container port {container:?} is not a number from 1 to 65535")));
        }
        if host.parse::<u16>().is_err() {
            return Err(invalid(format!("the host port {host:?} is not a number up to 65535")));
        }
        if let Some(ip) = ip
            && ip.parse::<std::net::IpAddr>().is_err()
        {
            return Err(invalid(format!("{ip:?} is not an IP address")));
        }
        Ok(Self {
            container: format!("{container}/{protocol}"),
            host: PortBinding { host_ip: ip.map(str::to_owned), host_port: Some(host.to_owned()) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_d26_entries_of_port_bindings() {
        for (entry, expected) in [
            ("8080:80", Some(("80/tcp", None, "8080"))),
            ("127.0.0.1:8080:80", Some(("80/tcp", Some("127.0.0.1"), "8080"))),
            ("[::1]:53:53/udp", Some(("53/udp", Some("::1"), "53"))),
            ("0:80", Some(("80/tcp", None, "0"))),
            ("80", None),
            ("x:80", None),
            ("80:0", None),
            ("80:80/icmp", None),
            ("nowhere:80:80", None),
            ("99999:80", None),
        ] {
            let port = Port::parse(entry, 0).ok();
            let found = port.as_ref().map(|p| (p.container.as_str(), p.host.host_ip.as_deref(), p.host.host_port.as_deref().unwrap()));
            assert_eq!(found, expected, "{entry}");
        }
    }
}
