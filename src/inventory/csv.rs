//! Tables (CSV, RFC 4180) with a host in each row → the text of an `inventory.yaml`. The first row names the columns.

use super::ansible::Imported;
use super::imports::{Found, inventory};
use super::raw::SETTINGS;
use crate::base::near::nearest;
use crate::hir::types::Os;
use crate::hir::value::Value;

/// Rows beyond these are no list of hosts.
const MOST_ROWS: usize = 100_000;
/// Other words for the columns that every such table has.
const ALIASES: &[(&str, &str)] = &[
    ("host", "name"),
    ("hostname", "name"),
    ("host_name", "name"),
    ("fqdn", "name"),
    ("ip", "address"),
    ("ip_address", "address"),
    ("ipv4", "address"),
    ("operating_system", "os"),
    ("group", "groups"),
    ("username", "user"),
    ("ssh_user", "user"),
    ("ssh_port", "port"),
    ("status", "state"),
];
/// Names of systems that are Linux.
const LINUX: &[&str] = &[
    "linux", "ubuntu", "debian", "rhel", "red hat", "centos", "rocky", "alma", "suse", "sles", "fedora", "alpine",
    "arch",
];

/// How a table is read.
#[derive(Clone, Default, Debug)]
pub struct Reading {
    /// Columns by their names, and the keys that they are: `vars.rack`, or `-` for none.
    pub map: Vec<(String, String)>,
    /// Absent: a comma, or what stands in the first row instead.
    pub delimiter: Option<char>,
}

/// What a column is.
#[derive(Clone, PartialEq, Debug)]
enum Column {
    Name,
    Setting(&'static str),
    Groups,
    Tag(String),
    Var(String),
    Left,
}

/// The hosts of a table; `file` is its name in messages.
pub fn import(file: &str, text: &str, reading: &Reading) -> Result<Imported, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let delimiter = reading.delimiter.unwrap_or_else(|| delimiter_of(text));
    let one = |(line, reason): (usize, String)| vec![format!("{file}:{line}: {reason}")];
    let mut rows = rows(text, delimiter).map_err(one)?.into_iter();
    let Some((_, header)) = rows.next() else {
        return Err(vec![format!("{file}: there is no row that names columns")]);
    };
    let mut warnings = Vec::new();
    let columns = columns(file, &header, reading, &mut warnings)?;
    let (mut hosts, mut refusals) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        let place = format!("{file}:{line}");
        if row.len() != columns.len() {
            refusals.push(format!("{place}: there are {} columns, and {} here", columns.len(), row.len()));
            continue;
        }
        match host(place, &columns, &row, &mut warnings) {
            Ok(host) => hosts.push(host),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() { inventory(hosts, warnings) } else { Err(refusals) }
}

/// The first row is hardly ever quoted in full, and a comma goes before all others.
fn delimiter_of(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    [',', ';', '\t'].into_iter().find(|delimiter| first.contains(*delimiter)).unwrap_or(',')
}

type Row = (usize, Vec<String>);

/// Every row with the line that it begins in; empty ones are left out.
fn rows(text: &str, delimiter: char) -> Result<Vec<Row>, (usize, String)> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun) = (1, 1);
    let mut letters = text.chars().peekable();
    let mut is_quoted = false;
    loop {
        let letter = letters.next();
        match letter {
            Some('"') if cell.is_empty() && !is_quoted => {
                is_quoted = true;
                quoted(&mut letters, &mut cell, &mut line).ok_or((begun, "a quote is never closed".to_string()))?;
            }
            Some('"') => return Err((line, "a quote stands inside of a cell that is not quoted".to_string())),
            Some(letter) if letter == delimiter => {
                row.push(std::mem::take(&mut cell));
                is_quoted = false;
            }
            Some('\n' | '\r') | None => {
                if letter == Some('\r') {
                    letters.next_if_eq(&'\n');
                }
                let is_empty = row.is_empty() && cell.is_empty() && !is_quoted;
                row.push(std::mem::take(&mut cell));
                let whole = std::mem::take(&mut row);
                if !is_empty {
                    rows.push((begun, whole));
                }
                is_quoted = false;
                line += 1;
                begun = line;
                if letter.is_none() {
                    return Ok(rows);
                }
                if rows.len() > MOST_ROWS {
                    return Err((line, format!("there are more than {MOST_ROWS} rows")));
                }
            }
            Some(_) if is_quoted => return Err((line, "something stands behind a closing quote".to_string())),
            Some(letter) => cell.push(letter),
        }
    }
}

/// Up to the closing quote; two of them are one that is meant.
fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, cell: &mut String, line: &mut usize) -> Option<()> {
    loop {
        match letters.next()? {
            '"' if letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => return Some(()),
            letter => {
                *line += usize::from(letter == '\n');
                cell.push(letter);
            }
        }
    }
}

fn columns(
    file: &str,
    header: &[String],
    reading: &Reading,
    warnings: &mut Vec<String>,
) -> Result<Vec<Column>, Vec<String>> {
    let mut refusals = Vec::new();
    for (name, _) in reading.map.iter().filter(|(name, _)| !header.iter().any(|cell| cell.trim() == name)) {
        let near = nearest(name, header.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{}`?", near.escape_debug())).unwrap_or_default();
        refusals.push(format!("{file}:1: there is no column `{}`{near}", name.escape_debug()));
    }
    let mut columns: Vec<Column> = Vec::new();
    for cell in header.iter().map(|cell| cell.trim()) {
        let shown = cell.escape_debug();
        let mapped = reading.map.iter().find(|(name, _)| name == cell).map(|(_, key)| key.as_str());
        let column = match (mapped, column(mapped.unwrap_or(cell), mapped.is_some())) {
            (_, Some(column)) => column,
            (Some(key), None) => {
                refusals.push(format!(
                    "`{}` is none of name, groups, {}, tags.KEY, vars.KEY and -",
                    key.escape_debug(),
                    settings()
                ));
                Column::Left
            }
            (None, None) => {
                let hint = format!("`--map '{shown}=vars.NAME'` takes it, and with `-` instead nothing is said");
                warnings.push(format!("{file}:1: the column `{shown}` is not taken; {hint}"));
                Column::Left
            }
        };
        if column != Column::Left && columns.contains(&column) {
            refusals.push(format!("{file}:1: the column `{shown}` says the same as another one"));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Name) {
        refusals.push(format!("{file}:1: no column is the name of hosts; `--map COLUMN=name` says which one"));
    }
    if refusals.is_empty() { Ok(columns) } else { Err(refusals) }
}

fn settings() -> String {
    SETTINGS.iter().copied().filter(|name| !matches!(*name, "tags" | "vars")).collect::<Vec<_>>().join(", ")
}

/// By the key itself, or in a header by what people call it.
fn column(text: &str, is_key: bool) -> Option<Column> {
    for (prefix, of) in [("tags.", Column::Tag as fn(String) -> Column), ("vars.", Column::Var)] {
        if let Some(key) = text.strip_prefix(prefix).filter(|key| !key.is_empty()) {
            return Some(of(key.to_string()));
        }
    }
    let plain: String = text
        .chars()
        .map(|letter| if matches!(letter, ' ' | '-') { '_' } else { letter.to_ascii_lowercase() })
        .collect();
    let alias = ALIASES.iter().find(|(other, _)| !is_key && *other == plain).map(|(_, key)| *key);
    match alias.unwrap_or(if is_key { text } else { plain.as_str() }) {
        "name" => Some(Column::Name),
        "groups" => Some(Column::Groups),
        "-" if is_key => Some(Column::Left),
        "tags" | "vars" => None,
        key => SETTINGS.iter().find(|known| **known == key).map(|known| Column::Setting(known)),
    }
}

fn host(place: String, columns: &[Column], row: &[String], warnings: &mut Vec<String>) -> Result<Found, String> {
    let mut host = Found { place: place.clone(), ..Found::default() };
    for (column, cell) in columns.iter().zip(row.iter().map(|cell| cell.trim())).filter(|(_, cell)| !cell.is_empty()) {
        let shown = cell.escape_debug();
        match column {
            Column::Name => host.name = cell.to_string(),
            Column::Groups => host.groups = several(cell),
            Column::Tag(key) => drop(host.tags.insert(key.clone(), value(cell))),
            Column::Var(key) => drop(host.vars.insert(key.clone(), value(cell))),
            Column::Setting("os") => match os(cell) {
                Some(os) => host.settings.push(("os", Value::string(os.name()))),
                None => warnings.push(format!("{place}: `{shown}` is no system that opsc knows, and is left out")),
            },
            Column::Setting("port") => match cell.parse::<u16>().ok().filter(|port| *port > 0) {
                Some(port) => host.settings.push(("port", Value::Int(i64::from(port)))),
                None => return Err(format!("{place}: `{shown}` is no port from 1 to 65535")),
            },
            Column::Setting(key @ ("runs_on" | "depends_on" | "behind")) => {
                host.settings.push((key, Value::List(several(cell).into_iter().map(Value::String).collect())));
            }
            Column::Setting("state") => host.settings.push(("state", Value::String(cell.to_lowercase()))),
            Column::Setting(key) => host.settings.push((key, Value::string(cell))),
            Column::Left => {}
        }
    }
    if host.name.is_empty() { Err(format!("{place}: the host has no name")) } else { Ok(host) }
}

fn several(cell: &str) -> Vec<String> {
    let parts = cell.split([',', ';', '|', ' ', '\n']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_string).collect()
}

fn os(cell: &str) -> Option<Os> {
    let plain = cell.to_lowercase();
    let is_linux = LINUX.iter().any(|name| plain.contains(name));
    let other = if plain.contains("windows") { Some(Os::Windows) } else { Os::parse(&plain) };
    if is_linux { Some(Os::Linux) } else { other }
}

/// A number only where nothing of how it is written is lost: `007` and `1.10` are texts.
fn value(cell: &str) -> Value {
    match (cell, cell.parse::<i64>()) {
        ("true", _) => Value::Bool(true),
        ("false", _) => Value::Bool(false),
        (_, Ok(number)) if number.to_string() == cell => Value::Int(number),
        _ => Value::string(cell),
    }
}
