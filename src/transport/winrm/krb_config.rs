//! Where the KDC of a realm is: by the host's own setting, else by krb5.conf. Asks no name server. Knows nothing of tickets.

use std::path::PathBuf;

use super::krb_kdc::Kdc;
use crate::transport::endpoint::Endpoint;

const PORT: u16 = 88;
const USUAL: &str = "/etc/krb5.conf";

/// The KDC of a user's realm, and the user there; nothing where nobody knows a KDC.
pub(super) fn kdc_of(endpoint: &Endpoint, realm: &str) -> Option<Kdc> {
    if let Some(named) = &endpoint.kdc {
        let realm = realm.to_uppercase();
        return Some(Kdc { realm, addresses: vec![with_port(named)], patience: endpoint.connect_timeout });
    }
    let known =
        files().into_iter().filter_map(|file| std::fs::read_to_string(file).ok()).flat_map(|text| realms(&text));
    let (realm, addresses) = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(realm))?;
    (!addresses.is_empty()).then_some(Kdc { realm, addresses, patience: endpoint.connect_timeout })
}

fn files() -> Vec<PathBuf> {
    let named = std::env::var_os("KRB5_CONFIG");
    named.map_or_else(|| vec![PathBuf::from(USUAL)], |named| std::env::split_paths(&named).collect())
}

/// Realms with their KDCs, in the order of the file.
pub(super) fn realms(text: &str) -> Vec<(String, Vec<String>)> {
    let mut realms: Vec<(String, Vec<String>)> = Vec::new();
    let (mut section, mut depth) = (String::new(), 0_usize);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[') {
            (section, depth) = (name.trim_end_matches([']', '*']).to_owned(), 0);
        } else if section == "realms" {
            let (key, value) = line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
            if value.starts_with('{') {
                realms.extend((depth == 0).then(|| (key.to_owned(), Vec::new())));
                depth += 1;
            } else if depth == 1 && key == "kdc" {
                realms.last_mut().into_iter().for_each(|(_, kdcs)| kdcs.push(with_port(value)));
            }
            depth = depth.saturating_sub(usize::from(line.ends_with('}')));
        }
    }
    realms
}

fn with_port(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, address)| address);
    let has_port = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')));
    match has_port {
        true => address.to_owned(),
        false if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{PORT}"),
        false => format!("{address}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{realms, with_port};

    #[test]
    fn kdcs_stand_in_the_braces_of_their_realm() {
        let text = "[libdefaults]\n kdc = no\n[realms]\n # kdc = no\n CORP.EXAMPLE = {\n  kdc = dc1.corp.example\n  kdc = \
                    dc2:750\n  auth_to_local_names = {\n   kdc = no\n  }\n  kdc = [::1]\n }\n OTHER = { }\n THIRD = {\n  kdc = \
                    tcp/x\n }\n[domain_realm]\n kdc = no\n";
        let found = realms(text);
        let kdcs = ["dc1.corp.example:88", "dc2:750", "[::1]:88"].map(str::to_owned).to_vec();
        assert_eq!(found.first(), Some(&("CORP.EXAMPLE".to_owned(), kdcs)));
        assert_eq!(found.get(1), Some(&("OTHER".to_owned(), Vec::new())));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn an_address_without_a_port_has_the_usual_one() {
        for (address, expected) in
            [("a", "a:88"), ("a:1", "a:1"), ("::1", "[::1]:88"), ("[::1]:2", "[::1]:2"), ("tcp://a", "a:88")]
        {
            assert_eq!(with_port(address), expected);
        }
    }
}
