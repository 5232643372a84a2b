//! Hosts with a stand-in for PowerShell, over WinRM and over SSH: what their bodies do is in a dictionary. SIMULATED: it
//! shows what opsc sends and how it takes what comes, and nothing of what PowerShell does.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opsc::shell::Language;
use opsc::transport::{Credentials, Endpoint};
use serde_json::{Value as Json, json};

use super::contract::Way;
use super::project::Project;
use super::sshd::{Sshd, SshdOptions};
use super::winrm_rig::{Listener, credentials};

/// What a stand-in knows, and where it writes what it was asked.
pub(crate) struct Dictionary {
    folder: tempfile::TempDir,
}

impl Dictionary {
    /// By the texts of bodies, or by their hashes.
    pub(crate) fn of(bodies: Json) -> Dictionary {
        Dictionary::with(json!({ "bodies": bodies }))
    }

    pub(crate) fn with(mut options: Json) -> Dictionary {
        let folder = tempfile::Builder::new().prefix("opsc-powershell-").tempdir().unwrap();
        options["log"] = json!(folder.path().join("log"));
        options["temp"] = json!(folder.path());
        fs::write(folder.path().join("options"), options.to_string()).unwrap();
        Dictionary { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it was asked, in order.
    pub(crate) fn log(&self) -> Vec<Json> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Folders of files that lanes left.
    pub(crate) fn left(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("opsc-")).count()
    }

    /// A sealed listener, with this fault; none is the empty text.
    pub(crate) fn winrm(&self, fault: &str) -> Listener {
        Listener::start(false, json!({ "fault": fault, "powershell": self.path("options"), "cut": self.path("cut") }))
    }

    pub(crate) fn ssh(&self) -> Sshd {
        let program = self.path("powershell.exe");
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/winrm/powershell.py");
        fs::write(&program, format!("#!/bin/sh\nexec python3 {} \"$@\"\n", stand_in.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (folder, options) = (self.folder.path().display(), self.path("options"));
        let environment = format!("SetEnv PATH={folder}:/usr/bin:/bin OPSC_POWERSHELL={}", options.display());
        Sshd::start(&SshdOptions { config: vec![environment], ..SshdOptions::default() })
    }
}

/// Both wires, each with its own stand-ins.
pub(crate) struct Hosts {
    pub(crate) dictionary: Dictionary,
    pub(crate) listener: Listener,
    pub(crate) sshd: Sshd,
}

impl Hosts {
    pub(crate) fn of(bodies: Json) -> Hosts {
        let dictionary = Dictionary::of(bodies);
        let (listener, sshd) = (dictionary.winrm(""), dictionary.ssh());
        Hosts { dictionary, listener, sshd }
    }

    pub(crate) fn ways(&self) -> [Way; 2] {
        let winrm = Way { endpoint: self.listener.endpoint(), credentials: credentials(), user: None };
        let endpoint = Endpoint {
            language: Language::PowerShell,
            connect_timeout: Duration::from_secs(30),
            ..self.sshd.endpoint("win2")
        };
        [winrm, Way { endpoint, credentials: Credentials::default(), user: None }]
    }

    /// With the host `win1` over WinRM and `win2` over SSH, both of the group `fleet`.
    pub(crate) fn project(&self) -> Project {
        let project = self.listener.project("");
        let inventory = fs::read_to_string(project.path("inventory.yaml")).unwrap();
        let endpoint = self.sshd.endpoint("win2");
        let (port, key) = (endpoint.port, self.sshd.key_path.display());
        let known_hosts = self.sshd.known_hosts_path.display();
        project.write(
            "inventory.yaml",
            &format!(
                "{inventory}  win2: {{ os: windows, address: 127.0.0.1, port: {port}, user: root, key: \"{key}\", known_hosts: \
                 \"{known_hosts}\" }}\ngroups:\n  fleet: {{ hosts: [win1, win2] }}\n"
            ),
        );
        project
    }
}
