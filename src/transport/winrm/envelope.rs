//! What is asked of a host, as text: WS-Management envelopes of the Windows Remote Shell. Knows nothing of HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reply::SHELL;

const NAMESPACES: [(&str, &str); 5] = [
    ("s", "http://www.w3.org/2003/05/soap-envelope"),
    ("a", "http://schemas.xmlsoap.org/ws/2004/08/addressing"),
    ("w", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"),
    ("p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"),
    ("rsp", SHELL),
];
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const ANYONE: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
/// What old hosts take and give at most, in bytes.
const LARGEST: u32 = 150 << 10;

/// One request.
pub struct Request<'a> {
    /// The address that it goes to, as a URL.
    pub to: &'a str,
    /// Of this message alone, and of all messages of one shell: UUIDs in upper case.
    pub message: &'a str,
    pub session: &'a str,
    /// So long the host may take before it says that there is nothing yet.
    pub seconds: u64,
    pub operation: Operation<'a>,
}

/// What is wanted. A shell and a command are named by what the host called them.
pub enum Operation<'a> {
    Create {
        /// So many seconds without a request end the shell.
        idle: u64,
    },
    Command {
        shell: &'a str,
        /// For cmd.exe, which gets it as it is.
        line: &'a str,
    },
    Receive {
        shell: &'a str,
        command: &'a str,
    },
    Send {
        shell: &'a str,
        command: &'a str,
        bytes: &'a [u8],
        end: bool,
    },
    Terminate {
        shell: &'a str,
        command: &'a str,
    },
    Delete {
        shell: &'a str,
    },
}

impl Operation<'_> {
    fn action(&self) -> String {
        match self {
            Operation::Create { .. } => format!("{TRANSFER}/Create"),
            Operation::Command { .. } => format!("{SHELL}/Command"),
            Operation::Receive { .. } => format!("{SHELL}/Receive"),
            Operation::Send { .. } => format!("{SHELL}/Send"),
            Operation::Terminate { .. } => format!("{SHELL}/Signal"),
            Operation::Delete { .. } => format!("{TRANSFER}/Delete"),
        }
    }

    fn shell(&self) -> Option<&str> {
        match self {
            Operation::Create { .. } => None,
            Operation::Command { shell, .. }
            | Operation::Receive { shell, .. }
            | Operation::Send { shell, .. }
            | Operation::Terminate { shell, .. }
            | Operation::Delete { shell } => Some(shell),
        }
    }

    fn options(&self) -> &[(&str, &str)] {
        match self {
            Operation::Create { .. } => &[("WINRS_NOPROFILE", "FALSE"), ("WINRS_CODEPAGE", "65001")],
            Operation::Command { .. } => &[("WINRS_CONSOLEMODE_STDIN", "FALSE"), ("WINRS_SKIP_CMD_SHELL", "FALSE")],
            Operation::Receive { .. } => &[("WSMAN_CMDSHELL_OPTION_KEEPALIVE", "TRUE")],
            _ => &[],
        }
    }

    fn body(&self) -> String {
        match self {
            Operation::Create { idle } => format!(
                "<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>\
                 <rsp:IdleTimeOut>PT{idle}S</rsp:IdleTimeOut></rsp:Shell>"
            ),
            Operation::Command { line, .. } => {
                format!("<rsp:CommandLine><rsp:Command>{}</rsp:Command></rsp:CommandLine>", escaped(line))
            }
            Operation::Receive { command, .. } => format!(
                "<rsp:Receive><rsp:DesiredStream CommandId=\"{}\">stdout stderr</rsp:DesiredStream></rsp:Receive>",
                escaped(command)
            ),
            Operation::Send { command, bytes, end, .. } => format!(
                "<rsp:Send><rsp:Stream Name=\"stdin\" CommandId=\"{}\" End=\"{end}\">{}</rsp:Stream></rsp:Send>",
                escaped(command),
                STANDARD.encode(bytes)
            ),
            Operation::Terminate { command, .. } => format!(
                "<rsp:Signal CommandId=\"{}\"><rsp:Code>{SHELL}/signal/terminate</rsp:Code></rsp:Signal>",
                escaped(command)
            ),
            Operation::Delete { .. } => String::new(),
        }
    }
}

impl Request<'_> {
    pub fn text(&self) -> String {
        let mut names = String::new();
        for (prefix, namespace) in NAMESPACES {
            names.push_str(&format!(" xmlns:{prefix}=\"{namespace}\""));
        }
        let (to, message, session, seconds) = (escaped(self.to), self.message, self.session, self.seconds);
        format!(
            "<s:Envelope{names}><s:Header><a:To>{to}</a:To>\
             <a:ReplyTo><a:Address s:mustUnderstand=\"true\">{ANYONE}</a:Address></a:ReplyTo>\
             <a:Action s:mustUnderstand=\"true\">{}</a:Action><a:MessageID>uuid:{message}</a:MessageID>\
             <w:ResourceURI s:mustUnderstand=\"true\">{SHELL}/cmd</w:ResourceURI>\
             <w:MaxEnvelopeSize s:mustUnderstand=\"true\">{LARGEST}</w:MaxEnvelopeSize>\
             <w:OperationTimeout>PT{seconds}S</w:OperationTimeout>\
             <w:Locale s:mustUnderstand=\"false\" xml:lang=\"en-US\"/>\
             <p:DataLocale s:mustUnderstand=\"false\" xml:lang=\"en-US\"/>\
             <p:SessionId s:mustUnderstand=\"false\">uuid:{session}</p:SessionId>{}{}</s:Header>\
             <s:Body>{}</s:Body></s:Envelope>",
            self.operation.action(),
            self.options(),
            self.selector(),
            self.operation.body()
        )
    }

    fn options(&self) -> String {
        let options = self.operation.options();
        if options.is_empty() {
            return String::new();
        }
        let option = |(name, value): &(&str, &str)| format!("<w:Option Name=\"{name}\">{value}</w:Option>");
        let options: String = options.iter().map(option).collect();
        format!("<w:OptionSet s:mustUnderstand=\"true\">{options}</w:OptionSet>")
    }

    fn selector(&self) -> String {
        let selector =
            |shell| format!("<w:SelectorSet><w:Selector Name=\"ShellId\">{shell}</w:Selector></w:SelectorSet>");
        self.operation.shell().map(|shell| selector(escaped(shell))).unwrap_or_default()
    }
}

/// As text of an element or an attribute. What no XML can hold becomes the sign for what cannot be shown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A reader would make a space or a line end of these.
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(letter))),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::{Operation, Request};

    fn text(operation: Operation<'_>) -> String {
        Request { to: "https://win1:5986/wsman", message: "M", session: "S", seconds: 20, operation }.text()
    }

    #[test]
    fn a_line_arrives_as_it_is() {
        let line = "echo \"a & b\" <x> 'é' %PATH%\r\n\t]]>";
        let text = text(Operation::Command { shell: "A", line });
        let document = Document::parse(&text).unwrap();
        let command = document.descendants().find(|node| node.tag_name().name() == "Command").unwrap();
        assert_eq!(command.text(), Some(line));
    }

    #[test]
    fn options_and_the_shell_stand_in_the_header() {
        let text = text(Operation::Receive { shell: "A<", command: "C" });
        let document = Document::parse(&text).unwrap();
        let header = document.root_element().first_element_child().unwrap();
        let names: Vec<&str> = header.children().map(|node| node.tag_name().name()).collect();
        assert_eq!(names.last(), Some(&"SelectorSet"));
        assert!(names.contains(&"OptionSet"), "{names:?}");
    }
}
