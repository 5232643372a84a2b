//! States of OpenTofu and Terraform (version 4) → the text of an `inventory.yaml`. Reads a few attributes of machines of
//! well-known providers, and no other: states are full of secrets.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::ansible::Imported;
use super::imports::{Found, inventory};
use super::raw::is_name;
use crate::hir::value::Value;

/// Which attributes of a type of machine say what; the first that is there counts. Numbers are places in lists.
struct Machine {
    kind: &'static str,
    name: &'static [&'static str],
    public: &'static [&'static str],
    private: &'static [&'static str],
    labels: &'static str,
    user: Option<&'static str>,
    os: Option<&'static str>,
}

const fn machine(
    kind: &'static str,
    name: &'static [&'static str],
    (public, private): (&'static [&'static str], &'static [&'static str]),
    labels: &'static str,
) -> Machine {
    Machine { kind, name, public, private, labels, user: None, os: None }
}

const fn azure(kind: &'static str, os: Option<&'static str>) -> Machine {
    let addresses = (&["public_ip_address"] as &[_], &["private_ip_address"] as &[_]);
    Machine { user: Some("admin_username"), os, ..machine(kind, &["name"], addresses, "tags") }
}

const MACHINES: &[Machine] = &[
    machine("aws_instance", &["tags.Name"], (&["public_ip", "ipv6_addresses.0"], &["private_ip"]), "tags"),
    machine("aws_spot_instance_request", &["tags.Name"], (&["public_ip"], &["private_ip"]), "tags"),
    machine(
        "google_compute_instance",
        &["name"],
        (&["network_interface.0.access_config.0.nat_ip"], &["network_interface.0.network_ip"]),
        "labels",
    ),
    azure("azurerm_linux_virtual_machine", Some("linux")),
    azure("azurerm_windows_virtual_machine", Some("windows")),
    machine("digitalocean_droplet", &["name"], (&["ipv4_address", "ipv6_address"], &["ipv4_address_private"]), "tags"),
    machine("hcloud_server", &["name"], (&["ipv4_address", "ipv6_address"], &["network.0.ip"]), "labels"),
    machine("linode_instance", &["label"], (&["ip_address"], &["private_ip_address"]), "tags"),
    machine("vultr_instance", &["hostname", "label"], (&["main_ip"], &["internal_ip"]), "tags"),
    machine(
        "openstack_compute_instance_v2",
        &["name"],
        (&["access_ip_v4", "access_ip_v6"], &["network.0.fixed_ip_v4"]),
        "metadata",
    ),
    machine(
        "scaleway_instance_server",
        &["name"],
        (&["public_ips.0.address", "public_ip"], &["private_ips.0.address", "private_ip"]),
        "tags",
    ),
    machine("oci_core_instance", &["display_name"], (&["public_ip"], &["private_ip"]), "freeform_tags"),
    machine("exoscale_compute_instance", &["name"], (&["public_ip_address"], &[]), "labels"),
    machine("upcloud_server", &["hostname"], (&["network_interface.0.ip_address"], &[]), "labels"),
    machine("proxmox_vm_qemu", &["name"], (&["default_ipv4_address"], &[]), "tags"),
    machine("vsphere_virtual_machine", &["name"], (&["default_ip_address"], &[]), "custom_attributes"),
    machine("libvirt_domain", &["name"], (&["network_interface.0.addresses.0"], &[]), "tags"),
];

/// The machines of a state; `private` is whether their inner addresses go before the outer ones.
pub fn import(file: &str, text: &str, private: bool) -> Result<Imported, Vec<String>> {
    let one = |reason: String| vec![format!("{file}: {reason}")];
    let state: Json = serde_json::from_str(text).map_err(|error| one(format!("this is no JSON: {error}")))?;
    expect_state(&state).map_err(one)?;
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let (mut hosts, mut warnings) = (Vec::new(), Vec::new());
    for resource in list(&state, "resources") {
        if text_of(resource, "mode") != Some("managed") {
            continue;
        }
        let kind = text_of(resource, "type").unwrap_or_default();
        let Some(machine) = MACHINES.iter().find(|machine| machine.kind == kind) else {
            *others.entry(kind.escape_debug().to_string()).or_default() += list(resource, "instances").len();
            continue;
        };
        for instance in list(resource, "instances") {
            let reader = Reader::new(resource, instance, machine, private);
            hosts.extend(reader.host(&mut warnings));
        }
    }
    if !others.is_empty() {
        let named: Vec<String> = others.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        warnings.push(format!("{file}: not known as machines, and left out: {}", named.join(", ")));
    }
    distinct(&mut hosts);
    if hosts.is_empty() {
        warnings.insert(0, format!("{file}: there is no machine in this state that opsc knows"));
    }
    inventory(hosts.into_iter().map(|machine| machine.found).collect(), warnings)
}

fn expect_state(state: &Json) -> Result<(), String> {
    let version = state.get("version").and_then(Json::as_u64);
    if state.get("encrypted_data").is_some() {
        return Err("this state is encrypted; `tofu state pull` writes it as it is read here".to_string());
    }
    if state.get("format_version").is_some() && version.is_none() {
        return Err("this is what `tofu show -json` writes; `tofu state pull` writes the state itself".to_string());
    }
    match version {
        Some(4) if state.get("resources").is_some_and(Json::is_array) => Ok(()),
        Some(4) => Err("this state has no list of resources".to_string()),
        Some(other) => Err(format!("this state is of version {other}, and version 4 is read; `tofu init` raises it")),
        None => Err("this is no state of OpenTofu: it says no version".to_string()),
    }
}

fn list<'j>(of: &'j Json, key: &str) -> &'j [Json] {
    of.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn text_of<'j>(of: &'j Json, key: &str) -> Option<&'j str> {
    of.get(key).and_then(Json::as_str)
}

/// A machine with the name that it has by its resource, should its own be another's too.
struct Named {
    found: Found,
    other_name: String,
}

/// Machines of one name are called by their resources.
fn distinct(hosts: &mut [Named]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for host in hosts.iter() {
        *count.entry(host.found.name.clone()).or_default() += 1;
    }
    for host in hosts.iter_mut().filter(|host| count.get(&host.found.name).is_some_and(|count| *count > 1)) {
        host.found.name.clone_from(&host.other_name);
    }
}

struct Reader<'a> {
    machine: &'static Machine,
    attributes: &'a Json,
    /// Attributes that the state calls sensitive.
    sensitive: Vec<&'a str>,
    resource: &'a str,
    /// `aws_instance.web[0]`.
    place: String,
    index: Option<String>,
    private: bool,
}

impl<'a> Reader<'a> {
    fn new(resource: &'a Json, instance: &'a Json, machine: &'static Machine, private: bool) -> Reader<'a> {
        let name = text_of(resource, "name").unwrap_or_default();
        let index = instance.get("index_key").map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_string));
        let module = text_of(resource, "module").map(|module| format!("{module}.")).unwrap_or_default();
        let at = index.as_ref().map(|index| format!("[{index}]")).unwrap_or_default();
        let place = format!("{module}{}.{name}{at}", machine.kind).escape_debug().to_string();
        let paths = list(instance, "sensitive_attributes").iter().filter_map(|path| path.get(0));
        let sensitive = paths.filter_map(|step| text_of(step, "value")).collect();
        let attributes = instance.get("attributes").unwrap_or(&Json::Null);
        Reader { machine, attributes, sensitive, resource: name, place, index, private }
    }

    fn host(&self, warnings: &mut Vec<String>) -> Option<Named> {
        let (first, second) = match self.private {
            true => (self.machine.private, self.machine.public),
            false => (self.machine.public, self.machine.private),
        };
        let Some(address) = self.first(first).or_else(|| self.first(second)) else {
            warnings.push(format!("{}: has no address, and is left out", self.place));
            return None;
        };
        let mut settings = vec![("address", Value::String(address))];
        settings.extend(self.machine.os.map(|os| ("os", Value::string(os))));
        let user = self.machine.user.and_then(|key| self.first(&[key]));
        settings.extend(user.map(|user| ("user", Value::String(user))));
        let other_name = self.name_of_resource();
        let own = self.first(self.machine.name).filter(|name| is_name(name));
        let groups =
            if self.index.is_some() && is_name(self.resource) { vec![self.resource.to_string()] } else { vec![] };
        let found = Found {
            name: own.unwrap_or_else(|| other_name.clone()),
            place: self.place.clone(),
            settings,
            groups,
            tags: self.labels(warnings),
            vars: BTreeMap::new(),
        };
        Some(Named { found, other_name })
    }

    /// `web-0`, of `aws_instance.web[0]`; letters that no name has are dashes.
    fn name_of_resource(&self) -> String {
        let index = self.index.as_ref().map(|index| format!("-{index}")).unwrap_or_default();
        let fine = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-');
        format!("{}{index}", self.resource).chars().map(|letter| if fine(letter) { letter } else { '-' }).collect()
    }

    /// The first of these attributes that says something.
    fn first(&self, paths: &[&str]) -> Option<String> {
        let found = paths.iter().filter_map(|path| self.attribute(path)).filter_map(Json::as_str);
        found.map(str::to_string).find(|text| !text.is_empty())
    }

    fn attribute(&self, path: &str) -> Option<&'a Json> {
        let mut steps = path.split('.');
        let head = steps.next().filter(|head| !self.sensitive.contains(head))?;
        steps.try_fold(self.attributes.get(head)?, |inner, step| match step.parse::<usize>() {
            Ok(place) => inner.get(place),
            Err(_) => inner.get(step),
        })
    }

    /// A map of labels; of a list, each is a label that is true.
    fn labels(&self, warnings: &mut Vec<String>) -> BTreeMap<String, Value> {
        if self.sensitive.contains(&self.machine.labels) {
            warnings.push(format!("{}: `{}` is sensitive, and left out", self.place, self.machine.labels));
        }
        match self.attribute(self.machine.labels) {
            Some(Json::Object(labels)) => {
                let own = labels.iter().filter(|(key, _)| *key != "Name");
                own.filter_map(|(key, value)| Some((key.clone(), Value::string(value.as_str()?)))).collect()
            }
            Some(Json::Array(labels)) => {
                labels.iter().filter_map(Json::as_str).map(|label| (label.to_string(), Value::Bool(true))).collect()
            }
            _ => BTreeMap::new(),
        }
    }
}
