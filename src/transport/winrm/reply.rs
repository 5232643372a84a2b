//! What a host answers, as data. Elements are found by namespace and name, never by prefix; what is not asked for is passed
//! over. Knows nothing of HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node, ParsingOptions};

use super::error::WinrmError;
use crate::transport::completed::Stream;

pub(super) const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
const FAULT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
/// A host that sends more than this in one answer is none.
const MOST_NODES: u32 = 100_000;
const LONGEST_MESSAGE: usize = 500;

/// The body of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The shell's name.
    Created(String),
    /// The command's name.
    Started(String),
    Received(Received),
    /// Nothing to know but that it was done.
    Done,
    Fault(Fault),
}

/// Some of a command's output.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Received {
    /// In the order of the answer.
    pub chunks: Vec<(Stream, Vec<u8>)>,
    /// The command has ended, and nothing of it follows.
    pub is_done: bool,
    pub code: Option<i32>,
}

/// A host's own word on what it does not do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fault {
    /// `TimedOut`, `AccessDenied`, `QuotaLimit`, …
    pub kind: String,
    /// Of the Windows error; zero without one.
    pub code: u32,
    pub message: String,
}

impl Fault {
    /// Nothing to receive within the time that was given.
    pub fn is_no_output_yet(&self) -> bool {
        self.code == 2_150_858_793 || (self.code == 0 && self.kind == "TimedOut")
    }

    /// The shell or the command is not there, or not any more.
    pub fn is_gone(&self) -> bool {
        self.code == 2_150_858_843 || self.kind == "InvalidSelectors"
    }

    /// So many operations are enough for one shell.
    pub fn is_used_up(&self) -> bool {
        self.code == 2_150_859_174
    }

    pub fn is_quota(&self) -> bool {
        self.kind == "QuotaLimit" || (2_150_859_172..=2_150_859_178).contains(&self.code)
    }

    pub fn is_denied(&self) -> bool {
        self.kind == "AccessDenied" || self.code == 5
    }
}

/// The answer to the request with this message's name, as `uuid:…`.
pub fn read(text: &str, message: &str) -> Result<Reply, WinrmError> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| WinrmError::Unreadable { reason: error.to_string() })?;
    let root = document.root_element();
    let other = |node: &Node<'_, '_>| {
        node.has_tag_name((ADDRESSING, "RelatesTo")) && !text_of(*node).eq_ignore_ascii_case(message)
    };
    if root.descendants().any(|node| other(&node)) {
        return Err(WinrmError::Unreadable { reason: "it belongs to another request".to_owned() });
    }
    let body = (root.has_tag_name((SOAP, "Envelope"))).then(|| child(root, SOAP, "Body")).flatten();
    let body = body.ok_or_else(|| WinrmError::Unreadable { reason: "it is no envelope with a body".to_owned() })?;
    if let Some(fault) = child(body, SOAP, "Fault") {
        return Ok(Reply::Fault(read_fault(fault)));
    }
    if let Some(received) = child(body, SHELL, "ReceiveResponse") {
        return read_output(received).map(Reply::Received);
    }
    if let Some(started) = child(body, SHELL, "CommandResponse") {
        return named(started, SHELL, "CommandId").map(Reply::Started);
    }
    let shell = child(body, SHELL, "Shell").and_then(|shell| child(shell, SHELL, "ShellId"));
    let selector = || body.descendants().find(|node| is_shell_selector(*node));
    Ok(match shell.or_else(selector).map(text_of) {
        Some(name) => Reply::Created(name),
        None => Reply::Done,
    })
}

/// A host before Windows 8 names the shell only by what selects it.
fn is_shell_selector(node: Node<'_, '_>) -> bool {
    node.has_tag_name((WSMAN, "Selector")) && node.attribute("Name") == Some("ShellId")
}

fn child<'a, 'input>(node: Node<'a, 'input>, namespace: &str, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name((namespace, name)))
}

fn text_of(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().trim().to_owned()
}

fn named(node: Node<'_, '_>, namespace: &str, name: &'static str) -> Result<String, WinrmError> {
    let found = child(node, namespace, name).map(text_of).filter(|text| !text.is_empty());
    found.ok_or_else(|| WinrmError::Unreadable { reason: format!("there is no {name}") })
}

fn read_output(node: Node<'_, '_>) -> Result<Received, WinrmError> {
    let mut received = Received::default();
    for child in node.children().filter(Node::is_element) {
        if child.has_tag_name((SHELL, "Stream")) {
            let stream = if child.attribute("Name") == Some("stderr") { Stream::Stderr } else { Stream::Stdout };
            let bytes = decoded(child.text().unwrap_or_default())?;
            if !bytes.is_empty() {
                received.chunks.push((stream, bytes));
            }
        } else if child.has_tag_name((SHELL, "CommandState")) {
            received.is_done = child.attribute("State").is_some_and(|state| state.ends_with("CommandState/Done"));
            received.code = self::child(child, SHELL, "ExitCode").and_then(|code| exit_code(&text_of(code)));
        }
    }
    Ok(received)
}

fn decoded(text: &str) -> Result<Vec<u8>, WinrmError> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| WinrmError::Unreadable { reason: "output is not base64".to_owned() })
}

/// A code of Windows has 32 bits, and may be written with a sign or without.
fn exit_code(text: &str) -> Option<i32> {
    let number: i64 = text.parse().ok()?;
    i32::try_from(number).ok().or_else(|| u32::try_from(number).ok().map(u32::cast_signed))
}

fn read_fault(fault: Node<'_, '_>) -> Fault {
    let within = |node: Node<'_, '_>, names: &[&str]| {
        let found = names.iter().try_fold(node.id(), |at, name| {
            let at = node.document().get_node(at)?;
            child(at, SOAP, name).map(|child| child.id())
        })?;
        node.document().get_node(found).map(text_of)
    };
    let kind = within(fault, &["Code", "Subcode", "Value"]).unwrap_or_default();
    let detail = fault.descendants().find(|node| node.has_tag_name((FAULT, "WSManFault")));
    let code = detail.and_then(|detail| detail.attribute("Code")).and_then(|code| code.parse().ok()).unwrap_or(0);
    let told = detail.and_then(|detail| detail.children().find(|node| node.has_tag_name((FAULT, "Message"))));
    let told = told.map(all_text).filter(|text| !text.is_empty());
    let message = told.or_else(|| within(fault, &["Reason", "Text"])).unwrap_or_default();
    Fault {
        kind: kind.rsplit(':').next().unwrap_or_default().to_owned(),
        code,
        message: message.chars().take(LONGEST_MESSAGE).collect(),
    }
}

/// All text below, in one line.
fn all_text(node: Node<'_, '_>) -> String {
    let pieces = node.descendants().filter(Node::is_text).filter_map(|text| text.text());
    pieces.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Fault, Received, Reply, Stream, exit_code, read};

    fn answer(body: &str) -> Reply {
        let soap = "http://www.w3.org/2003/05/soap-envelope";
        let shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
        // Prefixes that nobody else has.
        read(&format!("<e:Envelope xmlns:e='{soap}' xmlns='{shell}'><e:Body>{body}</e:Body></e:Envelope>"), "uuid:1")
            .unwrap()
    }

    #[test]
    fn output_is_read_in_its_order() {
        let state = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState";
        let found = answer(&format!(
            "<ReceiveResponse><Stream Name='stdout'>YQ==</Stream><Stream Name='stderr'>\nYg ==</Stream><Stream \
             Name='stdout' End='true'/><CommandState State='{state}/Done'><ExitCode>4294967295</ExitCode></CommandState>\
             </ReceiveResponse>"
        ));
        let chunks = vec![(Stream::Stdout, b"a".to_vec()), (Stream::Stderr, b"b".to_vec())];
        assert_eq!(found, Reply::Received(Received { chunks, is_done: true, code: Some(-1) }));
    }

    #[test]
    fn an_element_of_another_namespace_is_another_element() {
        assert_eq!(answer("<x:ReceiveResponse xmlns:x='urn:other'/>"), Reply::Done);
        assert!(read("<Envelope/>", "").is_err());
        assert!(read("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "").is_err());
    }

    #[test]
    fn an_answer_to_another_question_is_no_answer() {
        let text = "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Header><a:RelatesTo \
                    xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing'>uuid:aB</a:RelatesTo></e:Header><e:Body/></e:Envelope>";
        assert_eq!(read(text, "uuid:Ab"), Ok(Reply::Done));
        assert!(read(text, "uuid:Ac").is_err());
    }

    #[test]
    fn elements_in_each_other_and_beside_each_other_have_a_bound() {
        let deep = |depth: usize| answer(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)));
        assert_eq!(deep(10_000), Reply::Done);
        assert!(read(&format!("<a>{}</a>", "<b/>".repeat(100_001)), "").is_err());
    }

    #[test]
    fn a_fault_tells_its_kind_its_code_and_its_words() {
        let found = answer(
            "<e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>w:TimedOut</e:Value></e:Subcode></e:Code>\
             <e:Reason><e:Text>late</e:Text></e:Reason><e:Detail><f:WSManFault \
             xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' Code='2150858793'><f:Message><f:ProviderFault>\
             too \n late</f:ProviderFault></f:Message></f:WSManFault></e:Detail></e:Fault>",
        );
        let fault = Fault { kind: "TimedOut".to_owned(), code: 2_150_858_793, message: "too late".to_owned() };
        assert!(fault.is_no_output_yet() && !fault.is_gone());
        assert_eq!(found, Reply::Fault(fault));
    }

    #[test]
    fn codes_have_32_bits() {
        let cases = [("0", Some(0)), ("-1073741510", Some(-1_073_741_510)), ("3221225786", Some(-1_073_741_510))];
        for (text, expected) in cases {
            assert_eq!(exit_code(text), expected, "{text}");
        }
        assert_eq!(exit_code("4294967296"), None);
    }
}
