//! Where a host keeps what it knows of a step that must not be done twice, as the journal writes it down.

use serde_json::{Value as Json, json};

/// What a host keeps of a step that must not be done twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Its name on the host.
    pub id: String,
    /// What tells the start of the host at that time from others.
    pub boot: String,
    /// The host that keeps it: a step may run elsewhere than on the host that it is about.
    pub machine: String,
    /// Who keeps it; absent for the login user.
    pub user: Option<String>,
}

impl Receipt {
    pub(super) fn to_json(&self) -> String {
        json!({ "id": self.id, "boot": self.boot, "machine": self.machine, "user": self.user }).to_string()
    }

    pub(super) fn from_json(text: &str) -> Option<Receipt> {
        let json: Json = serde_json::from_str(text).ok()?;
        let text = |name: &str| json.get(name)?.as_str().map(str::to_string);
        Some(Receipt { id: text("id")?, boot: text("boot")?, machine: text("machine")?, user: text("user") })
    }
}
