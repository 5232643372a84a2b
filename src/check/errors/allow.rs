//! `E1100`: comments that allow a finding.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::diag::Diagnostic;

#[derive(Clone, PartialEq, Debug)]
pub enum AllowError {
    UnknownCode { name: String, known: Vec<&'static str>, span: Span },
    NoCode { span: Span },
    NotAllowable { code: String, span: Span },
    NoReason { code: String, span: Span },
    Idle { code: String, span: Span },
}

impl AllowError {
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            AllowError::UnknownCode { name, known, span } => {
                let near = nearest(name, known.iter().copied());
                Diagnostic::error("E1101", *span, format!("there is no code `{name}`")).did_you_mean(near)
            }
            AllowError::NoCode { span } => Diagnostic::error("E1101", *span, "expected a code in brackets")
                .help("write `# opsc:allow(CODE) reason`"),
            AllowError::NotAllowable { code, span } => {
                Diagnostic::error("E1102", *span, format!("`{code}` cannot be allowed"))
                    .help("only warnings and findings in scripts can: the others say that the program has no meaning")
            }
            AllowError::NoReason { code, span } => {
                Diagnostic::warning("W1103", *span, format!("nothing says why `{code}` is allowed, so it is not"))
                    .help("write the reason behind the bracket")
            }
            AllowError::Idle { code, span } => {
                Diagnostic::warning("W1104", *span, format!("there is no `{code}` here to allow"))
                    .help("take the comment away: it would hide a finding that comes later")
            }
        }
    }
}

crate::diag::code_docs! {
    "E1101" "an allow that names no code"
    "`# opsc:allow(CODE) reason` silences one finding, on its line or on the line below. The code is the one in the brackets of the finding."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      # opsc:allow(W0740) an old shell\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      # opsc:allow(W0704) an old shell\n      out host \"`hostname`\"\n    \"\"\"\n  }\n}\n"
    "E1102" "an allow of what cannot be allowed"
    "Warnings and findings in scripts (`E0703`, `E0705`, `E10…`) are judgements, and a reason may outweigh them. A type error is none."
    "ops 1\n\n# opsc:allow(E0301) it works here\nplaybook p(web: hosts<linux>) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(web: hosts<linux>) ! read {\n  on web {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "W1103" "an allow without a reason"
    "Who reads the file later must be able to judge whether the reason still holds. Without one the finding stays."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"$(hostname)\" # opsc:allow(W0704)\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"`hostname`\" # opsc:allow(W0704) an old shell\n    \"\"\"\n  }\n}\n"
    "W1104" "an allow that silences nothing"
    "What it allowed is mended, or stands on another line. Left there, it would hide the next finding."
    "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      # opsc:allow(W0704) an old shell\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n" => "ops 1\n\naction demo.look() ! read {\n  doc: \"Look.\"\n\n  linux {\n    check sh \"\"\"\n      out host \"$(hostname)\"\n    \"\"\"\n  }\n}\n"
}
