//! What Windows hosts answered to another's client, recorded by its author: every answer is read, and what opsc asks is what
//! was asked there, but for what it wants otherwise.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opsc::transport::winrm::envelope::{Operation, Request};
use opsc::transport::winrm::reply::{Fault, Reply, read};
use roxmltree::{Document, Node};
use serde::Deserialize;

use super::winrm_rig::prepared;

const EXCHANGES: &str = "
import glob, json, sys, yaml
files = sorted(glob.glob(sys.argv[1] + '/*.yml'))
exchanges = [dict(m, file=f.rsplit('/', 1)[-1]) for f in files for m in yaml.safe_load(open(f, encoding='utf-8'))['messages']]
json.dump([{k: e.get(k) for k in ('file', 'request', 'response')} for e in exchanges], sys.stdout)
";

/// One question and its answer; nothing where none came.
#[derive(Deserialize)]
struct Exchange {
    file: String,
    request: String,
    response: Option<String>,
}

fn exchanges() -> Vec<Exchange> {
    let folder = prepared("recorded/tests/tests_pypsrp/responses");
    let told = Command::new("/usr/bin/python3").args(["-c", EXCHANGES]).arg(folder).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let exchanges: Vec<Exchange> = serde_json::from_slice(&told.stdout).unwrap();
    // A description of the form is no recording.
    exchanges.into_iter().filter(|exchange| exchange.file != "_template.yml").collect()
}

#[test]
fn every_recorded_answer_is_read() {
    let exchanges = exchanges();
    let files: BTreeSet<&str> = exchanges.iter().map(|exchange| exchange.file.as_str()).collect();
    assert_eq!(files.len(), 66);
    let (mut created, mut started, mut output, mut faults) = (0, 0, 0, BTreeSet::new());
    for exchange in &exchanges {
        let Some(response) = &exchange.response else { continue };
        match read(response, &text_of(response, "RelatesTo"))
            .unwrap_or_else(|error| panic!("{}: {error}: {response}", exchange.file))
        {
            Reply::Created(_) => created += 1,
            Reply::Started(_) => started += 1,
            Reply::Received(received) => output += received.chunks.len(),
            Reply::Fault(Fault { kind, code, .. }) => drop(faults.insert((kind, code))),
            Reply::Done => {}
        }
    }
    assert!(exchanges.len() > 500 && created > 50 && started > 60 && output > 150, "{created} {started} {output}");
    let kinds: BTreeSet<&str> = faults.iter().map(|(kind, _)| kind.as_str()).collect();
    assert!(kinds.is_superset(&BTreeSet::from(["TimedOut", "InvalidSelectors", "InvalidParameter"])), "{faults:?}");
}

/// The text of the first element of this name.
fn text_of(envelope: &str, name: &str) -> String {
    let document = Document::parse(envelope).unwrap();
    let found = document.descendants().find(|node| node.tag_name().name() == name);
    found.and_then(|node| node.text()).unwrap_or_default().to_string()
}

fn attribute_of(envelope: &str, attribute: &str) -> String {
    let document = Document::parse(envelope).unwrap();
    let found = document.descendants().find_map(|node| node.attribute(attribute).map(str::to_string));
    found.unwrap_or_default()
}

/// Every element by its path, with attributes and text, in no order; truth values in lower case.
fn facts(envelope: &str) -> BTreeSet<String> {
    let document = Document::parse(envelope).unwrap();
    document.descendants().filter(Node::is_element).map(|node| fact(&node)).collect()
}

fn fact(node: &Node<'_, '_>) -> String {
    let name =
        |node: &Node<'_, '_>| format!("{{{}}}{}", node.tag_name().namespace().unwrap_or(""), node.tag_name().name());
    let mut path: Vec<String> = node.ancestors().filter(Node::is_element).map(|node| name(&node)).collect();
    path.reverse();
    let plain = |text: &str| {
        if ["True", "False", "TRUE", "FALSE"].contains(&text) { text.to_lowercase() } else { text.to_string() }
    };
    let mut attributes: Vec<String> =
        node.attributes().map(|attribute| format!("{}={}", attribute.name(), plain(attribute.value()))).collect();
    attributes.sort();
    format!("{} {attributes:?} {:?}", path.join("/"), plain(node.text().unwrap_or_default()))
}

/// What one has and the other has not, without what opsc means to ask otherwise.
fn differences(theirs: &str, ours: &str) -> Vec<String> {
    let (theirs, ours) = (facts(theirs), facts(ours));
    // Options (code page, no profile, an end of input), an end of what is forgotten, one line as it is to be read, and a
    // command that is ended whatever it does about Ctrl-C.
    let wanted = ["}OptionSet", "}IdleTimeOut", "}CommandLine/", "}Signal/"];
    let differ = theirs.symmetric_difference(&ours).cloned();
    differ.filter(|fact| !wanted.iter().any(|name| fact.contains(name))).collect()
}

#[test]
fn what_is_asked_is_what_was_asked() {
    let mut compared = BTreeSet::new();
    // One of them asks for the output of no command at all.
    let is_asked = |exchange: &&Exchange| {
        exchange.file.starts_with("test_winrs_") && exchange.file != "test_winrs_fail_poll_process.yml"
    };
    for exchange in exchanges().iter().filter(is_asked) {
        let theirs = &exchange.request;
        let action = text_of(theirs, "Action");
        let operation = action.rsplit('/').next().unwrap();
        let (to, message) = (text_of(theirs, "To"), text_of(theirs, "MessageID"));
        let session = text_of(theirs, "SessionId");
        let (shell, command) = (text_of(theirs, "Selector"), attribute_of(theirs, "CommandId"));
        let seconds = text_of(theirs, "OperationTimeout");
        let bytes = STANDARD.decode(text_of(theirs, "Stream")).unwrap();
        let end = attribute_of(theirs, "End") == "True";
        let (shell, command) = (shell.as_str(), command.as_str());
        // A shell with a folder, a name or variables of its own is none that opsc asks for.
        let is_plain = ["Lifetime", "Environment", "WorkingDirectory"].iter().all(|name| !theirs.contains(name));
        let ours = match operation {
            "Create" if is_plain => Operation::Create { idle: 1 },
            "Create" => continue,
            "Command" => Operation::Command { shell, line: "hi" },
            "Receive" => Operation::Receive { shell, command },
            "Send" => Operation::Send { shell, command, bytes: &bytes, end },
            "Signal" => Operation::Terminate { shell, command },
            "Delete" => Operation::Delete { shell },
            other => panic!("{other}"),
        };
        let request = Request {
            to: &to,
            message: message.strip_prefix("uuid:").unwrap(),
            session: session.strip_prefix("uuid:").unwrap(),
            seconds: seconds.trim_start_matches("PT").trim_end_matches('S').parse().unwrap(),
            operation: ours,
        };
        assert_eq!(differences(theirs, &request.text()), Vec::<String>::new(), "{}: {operation}", exchange.file);
        compared.insert(operation.to_string());
    }
    assert_eq!(compared.into_iter().collect::<Vec<_>>(), ["Command", "Create", "Delete", "Receive", "Send", "Signal"]);
}
