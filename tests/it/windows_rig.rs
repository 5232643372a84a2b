//! SIMULATED Windows hosts: WinRM listeners of these tests, each with a model of Windows behind it that knows the library's
//! bodies by their hashes. What a body does on Windows is not shown by it; what opsc asks, in which order and with which
//! values, is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use opsc::app::project::Project as Place;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::base::hex::hex;
use opsc::hir::program::{Body, Platform};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::project::Project;
use super::winrm_rig::{Listener, PASSWORD, USER};

pub(crate) const SERVICE: &str = "StationController";
pub(crate) const PROGRAM: &str = r"C:\Program Files\StationController\stationcontroller.exe";

/// One host: its folder, and the listener in front of it.
pub(crate) struct WindowsHost {
    pub(crate) name: String,
    folder: tempfile::TempDir,
    listener: Listener,
}

/// Something that a host was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// On one clock for all hosts.
    pub(crate) at: u64,
    /// `service.stop.apply`; several where bodies have one text.
    bodies: Vec<String>,
    pub(crate) variables: Json,
    /// Whose step it was, where it was a task of another user than who logged in.
    pub(crate) user: Json,
}

impl Asked {
    pub(crate) fn is(&self, body: &str) -> bool {
        self.bodies.iter().any(|name| name == body)
    }

    pub(crate) fn is_change(&self) -> bool {
        self.bodies.iter().all(|name| name.ends_with(".apply") || name.ends_with(".rollback"))
    }
}

impl WindowsHost {
    /// With the service, which runs.
    pub(crate) fn start(name: &str) -> WindowsHost {
        let folder = tempfile::Builder::new().prefix("opsc-windows-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let service = json!({ "name": SERVICE, "status": "Running", "start": "auto", "program": PROGRAM });
        std::fs::write(path("state.json"), json!({ "services": [service], "runtime": 7 }).to_string()).unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/winrm/windows.py");
        let options = json!({ "model": model, "host": folder.path(), "table": table(), "temp": folder.path() });
        std::fs::write(path("powershell.json"), options.to_string()).unwrap();
        let listener = Listener::start(false, json!({ "powershell": path("powershell.json") }));
        let host = WindowsHost { name: name.to_string(), folder, listener };
        host.put(PROGRAM, "version 1");
        host
    }

    /// Where a path of the host lies here.
    fn place(&self, path: &str) -> PathBuf {
        let parts = path.replacen(':', "", 1).to_lowercase();
        self.folder.path().join(parts.replace('\\', "/"))
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let place = self.place(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }

    pub(crate) fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.place(path)).ok()
    }

    pub(crate) fn state(&self) -> Json {
        serde_json::from_str(&std::fs::read_to_string(self.folder.path().join("state.json")).unwrap()).unwrap()
    }

    pub(crate) fn set_runtime(&self, number: u8) {
        let mut state = self.state();
        state["runtime"] = json!(number);
        self.set(&state);
    }

    pub(crate) fn set(&self, state: &Json) {
        std::fs::write(self.folder.path().join("state.json"), state.to_string()).unwrap();
    }

    /// The state of the service, and what its program is.
    pub(crate) fn station(&self) -> (String, String) {
        let status = self.state()["services"][0]["status"].as_str().unwrap().to_string();
        (status, self.file(PROGRAM).unwrap_or_default())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        let text = std::fs::read_to_string(self.folder.path().join("asked.jsonl")).unwrap_or_default();
        let read = |line: &str| {
            let json: Json = serde_json::from_str(line).unwrap();
            let bodies = serde_json::from_value(json["body"].clone()).unwrap();
            Asked {
                at: json["at"].as_u64().unwrap(),
                bodies,
                variables: json["variables"].clone(),
                user: json["as"].clone(),
            }
        };
        text.lines().map(read).collect()
    }

    /// These are the bodies that changed something, in this order.
    #[track_caller]
    pub(crate) fn assert_changed_by(&self, expected: &[&str]) {
        let changes: Vec<Asked> = self.asked().into_iter().filter(Asked::is_change).collect();
        let are_these = changes.iter().zip(expected).all(|(asked, expected)| asked.is(expected));
        assert!(changes.len() == expected.len() && are_these, "{}: expected {expected:?}: {changes:#?}", self.name);
    }

    /// All that there is of it in files, asked or written.
    pub(crate) fn everything(&self) -> String {
        let names = ["asked.jsonl", "state.json"];
        names.map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()).concat()
    }

    /// As an entry below `hosts:` of an inventory.
    pub(crate) fn entry(&self) -> String {
        let (name, port) = (&self.name, self.listener.port);
        format!(
            "  {name}: {{ address: 127.0.0.1, port: {port}, user: {USER}, os: windows, transport: winrm, tls: none }}\n"
        )
    }

    /// What its listener heard, once it has ended.
    pub(crate) fn end(self) -> Vec<String> {
        self.listener.end()
    }
}

/// The hosts of group `cis`, and the password in `password`.
pub(crate) fn write_project(project: &Project, hosts: &[WindowsHost], more: &str) {
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let entries: String = hosts.iter().map(WindowsHost::entry).collect();
    let group = format!("groups:\n  cis: {{ hosts: [{}], os: windows }}\n", names.join(", "));
    project.write("inventory.yaml", &format!("{group}hosts:\n{entries}{more}"));
    project.write("password", PASSWORD);
    std::fs::set_permissions(project.path("password"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The library's bodies for Windows by the hashes of their texts: `action.phase` of each that has this text.
pub(crate) fn table() -> BTreeMap<String, Vec<String>> {
    let project = Project::new();
    let place = Place { root: project.path(""), found: true, state: project.path(".opsc") };
    let mut workspace = Workspace::open(place, Settings::default(), &[]).unwrap();
    let (program, _) = workspace.catalogue();
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for action in program.actions.values() {
        for each in action.impls().iter().filter(|each| each.platform == Platform::Windows) {
            let phases = [
                ("check", &each.check),
                ("apply", &each.apply),
                ("verify", &each.verify),
                ("rollback", &each.rollback),
            ];
            for (phase, body) in phases {
                if let Some(Body::Script { script, .. }) = body {
                    let hash = hex(&Sha256::digest(script.text.as_bytes()));
                    table.entry(hash).or_default().push(format!("{}.{phase}", action.name));
                }
            }
        }
    }
    table
}
