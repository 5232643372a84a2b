//! The filters of templates that minijinja has not: what templates of other tools are used to. Knows no step.

use std::net::IpAddr;

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::eval::functions::of_text;
use crate::eval::patterns;
use crate::eval::special_texts::in_network;
use crate::eval::yaml;
use crate::hir::expr::Function;

pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("to_json", |value: Value| json(&value).map(|json| json.to_string()));
    environment.add_filter("to_nice_json", |value: Value| json(&value).map(|json| format!("{json:#}")));
    environment.add_filter("to_yaml", to_yaml);
    environment.add_filter("to_nice_yaml", to_yaml);
    environment.add_filter("regex_replace", regex_replace);
    environment
        .add_filter("ternary", |condition: Value, yes: Value, no: Value| if condition.is_true() { yes } else { no });
    environment.add_filter("b64encode", |text: &str| of_text(Function::Base64, text, &[]));
    environment.add_filter("ipaddr", ipaddr);
    environment.add_filter("in_network", |address: &str, network: &str| {
        in_network(address, network)
            .ok_or_else(|| refused(format!("`{address}` in `{network}` is no address in a network")))
    });
}

fn refused(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

/// What is not there is an error here as everywhere in a template.
fn json(value: &Value) -> Result<serde_json::Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    serde_json::to_value(value).map_err(|error| refused(error.to_string()))
}

fn to_yaml(value: Value) -> Result<String, Error> {
    json(&value).map(|json| yaml::write(&json))
}

fn regex_replace(text: &str, pattern: &str, to: &str) -> Result<String, Error> {
    patterns::replace_all(text, pattern, to)
        .map_err(|reason| refused(format!("`{pattern}` is not a regular expression: {reason}")))
}

/// Of `10.1.2.3/24`: `ipaddr` the text itself, and with a word `address`, `network`, `prefix` or `netmask` that part; false
/// where the text is no address.
fn ipaddr(text: &str, part: Option<&str>) -> Result<Value, Error> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(Value::from(false)) };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length =
        if prefix.is_empty() { Some(bits) } else { prefix.parse::<u32>().ok().filter(|length| *length <= bits) };
    let Some(length) = length else { return Ok(Value::from(false)) };
    let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
    let whole = |bits_of: u128| match address {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::from_bits(u32::try_from(bits_of & 0xffff_ffff).unwrap_or(0))),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::from_bits(bits_of)),
    };
    let own = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    match part {
        None => Ok(Value::from(text)),
        Some("address") => Ok(Value::from(address.to_string())),
        Some("network") => Ok(Value::from(whole(own & mask).to_string())),
        Some("netmask") => Ok(Value::from(whole(mask).to_string())),
        Some("prefix") => Ok(Value::from(length)),
        Some(other) => Err(refused(format!("`ipaddr` knows address, network, netmask and prefix, not `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str) -> String {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        add(&mut environment);
        let site = |fields: Vec<(&str, Value)>| Value::from_pairs(fields);
        let sites = Value::from(vec![
            site(vec![("name", "b".into()), ("port", 80.into())]),
            site(vec![("name", "a".into()), ("on", true.into())]),
        ]);
        let context = Value::from_pairs([("sites", sites), ("none", Value::from(())), ("text", Value::from("a b"))]);
        environment.render_str(source, context).unwrap_or_else(|error| format!("{error:#}"))
    }

    #[test]
    fn the_filters_that_templates_use_are_there() {
        for (source, expected) in [
            ("{{ none | default('x', true) }}{{ missing | default('y') }}", "xy"),
            ("{{ sites | map(attribute='name') | join(',') }}", "b,a"),
            ("{{ text | upper | lower | trim | replace(' ', '_') | length }}", "3"),
            ("{{ sites | to_json }}", "[{\"name\":\"b\",\"port\":80},{\"name\":\"a\",\"on\":true}]"),
            ("{{ [1] | to_nice_json }}", "[\n  1\n]"),
            ("{{ sites | to_nice_yaml }}", "- name: b\n  port: 80\n- name: a\n  \"on\": true\n"),
            ("{{ { 'a': [] } | to_yaml }}", "a: []\n"),
            ("{{ 'web12.x' | regex_replace('^([a-z]+)(?P<n>[0-9]+)', '$\\\\1-\\\\g<n>') }}", "$web-12.x"),
            ("{{ (1 == 1) | ternary('yes', 'no') }}{{ '' | ternary('yes', 'no') }}", "yesno"),
            ("{{ 'true' | bool }} {{ '12' | int + 1 }}", "True 13"),
            ("{{ sites | selectattr('port', 'defined') | map(attribute='name') | first }}", "b"),
            ("{{ [3, 1, 1] | unique | sort | join }}", "13"),
            ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
            ("{{ 'user:x' | b64encode }}", "dXNlcjp4"),
            (
                "{{ '10.1.2.3/20' | ipaddr('network') }} {{ '10.1.2.3/20' | ipaddr('netmask') }}",
                "10.1.0.0 255.255.240.0",
            ),
            ("{{ '10.1.2.3/0' | ipaddr('netmask') }} {{ '2001:db8::1/32' | ipaddr('network') }}", "0.0.0.0 2001:db8::"),
            ("{{ '10.1.2.3' | ipaddr('prefix') }} {{ '10.1.2.3/8' | ipaddr('address') }}", "32 10.1.2.3"),
            ("{{ 'web1' | ipaddr }} {{ '10.0.0.0/33' | ipaddr }} {{ '10.0.0.1' | ipaddr }}", "False False 10.0.0.1"),
            ("{{ '10.1.2.3' | in_network('10.0.0.0/8') }}", "True"),
        ] {
            assert_eq!(rendered(source), expected, "{source}");
        }
    }

    #[test]
    fn a_filter_says_what_it_cannot_do() {
        for (source, expected) in [
            ("{{ 'a' | regex_replace('(', '') }}", "`(` is not a regular expression"),
            ("{{ 'x' | in_network('10.0.0.0/8') }}", "is no address in a network"),
            ("{{ '10.0.0.1' | ipaddr('host') }}", "`ipaddr` knows address"),
            ("{{ missing | to_json }}", "undefined"),
            ("{{ missing | to_yaml }}", "undefined"),
        ] {
            assert!(rendered(source).contains(expected), "{source}: {}", rendered(source));
        }
    }
}
