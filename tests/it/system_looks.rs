//! What actions tell of a real Debian host without changing it: each is looked at in a plan and in a run, and no file of the
//! host is another one then.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;

/// As nvidia-smi answers, of one card.
const CARD: &str = "printf '#!/bin/sh\\necho \"0, Tesla T4, GPU-77c2, 15360, 0, 17, 31, 550.54.15\"\\n' > /usr/local/bin/nvidia-smi; chmod 755 /usr/local/bin/nvidia-smi";

#[test]
fn what_looks_at_a_host_writes_nothing_there() {
    let case = Case::new();
    case.host().sh(CARD);
    case.host().sh("mkdir \"/srv/it's\"; printf 'a\\nb\\n' > \"/srv/it's/file\"; chmod 640 \"/srv/it's/file\"; chown ops \"/srv/it's/file\"");
    for (step, holds) in [
        ("os.facts()", "x.os_family == \"debian\" and x.init == \"systemd\" and x.package_manager == \"apt\""),
        ("disk.free(path: \"/srv\")", "x.free > 0B and x.free <= x.total"),
        (
            "file.info(path: \"/srv/it's/file\")",
            "x.exists and x.size == 4B and x.mode == \"640\" and x.owner == \"ops\"",
        ),
        ("file.read(path: \"/srv/it's/file\")", "x.content == \"a\\nb\\n\""),
        ("file.find(path: \"/srv\", name: \"f*\")", "x.count == 1 and x.files == [\"/srv/it's/file\"]"),
        ("process.status(name: \"sshd\")", "x.running and x.count > 0"),
        ("service.status(name: \"ssh\")", "x.running"),
        ("service.check(name: \"ssh\")", "x.running and x.state == \"active\""),
        ("package.status(name: \"openssh-server\")", "x.installed"),
        ("os.update_status()", "x.updates >= 0"),
        ("net.port(to: \"127.0.0.1\", port: 22)", "x.open"),
        ("gpu.info()", "x.count == 1 and x.driver == \"550.54.15\""),
    ] {
        case.reads(&format!("x = {step}\n    require {holds} else \"it is not so\""));
    }
}
