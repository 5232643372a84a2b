//! Secrets leave no text behind in this process's memory: what reads them, makes values of them and searches for them is
//! looked at through `/proc/self/mem`. The test itself knows its secrets only in disguise.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use opsc::base::secret::Secret;
use opsc::eval::secrets::text_of;
use opsc::hir::expr::Function;
use opsc::hir::value::SecretRef;
use opsc::run::redact::Redactor;
use opsc::secrets::command::CommandSecret;
use opsc::secrets::vault::{Answer, Vault};
use opsc::secrets::{Keys, Providers, Resolved, resolve};

const DISGUISE: u8 = 0x5a;

/// A file with letters that this process has never seen, four for each three bytes.
fn unseen(path: &Path, bytes: u32) {
    let made = std::process::Command::new("sh")
        .args(["-c", "umask 077; head -c \"$2\" /dev/urandom | base64 -w 0 >\"$1\"", "sh"])
        .arg(path)
        .arg(bytes.to_string())
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a program prints, letter by letter, so that no letters stand beside each other but in disguise.
fn disguised(script: &str, path: &Path) -> Vec<u8> {
    let mut child = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = child.stdout.take().unwrap();
    let (mut letters, mut letter) = (Vec::new(), [0]);
    while printed.read(&mut letter).unwrap() == 1 {
        letters.push(letter[0] ^ DISGUISE);
    }
    assert!(child.wait().unwrap().success());
    letters
}

/// How often each of these letters stand in memory that can be written: heap, stacks, statics.
fn copies<const N: usize>(disguised: &[Vec<u8>; N]) -> [usize; N] {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let longest = disguised.iter().map(Vec::len).max().unwrap();
    let mut found = [0; N];
    // Wiped at its end: what was found must not be found again there.
    let mut buffer = Secret::new(vec![0; 1 << 16]);
    let buffer = buffer.expose_mut();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let (mut at, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        while at < end && memory.seek(SeekFrom::Start(at)).is_ok() {
            let most = usize::try_from(end - at).unwrap().min(buffer.len());
            // A place that is gone meanwhile has none.
            let Ok(count) = memory.read(&mut buffer[..most]) else { break };
            for (place, _) in buffer[..count].iter().enumerate().filter(|(_, byte)| **byte != 0) {
                let rest = &buffer[place..count];
                for (letters, found) in disguised.iter().zip(&mut found) {
                    *found += usize::from(stands_at(letters, rest));
                }
            }
            if count <= longest {
                break;
            }
            // Pieces overlap, so that no copy is missed between two.
            at += (count - longest) as u64;
        }
    }
    found
}

fn stands_at(disguised: &[u8], text: &[u8]) -> bool {
    text.first().map(|byte| byte ^ DISGUISE) == disguised.first().copied()
        && text.len() >= disguised.len()
        && text.iter().zip(disguised).all(|(byte, letter)| byte ^ DISGUISE == *letter)
}

fn resolved(root: &Path) -> Resolved {
    let cat = CommandSecret { words: vec!["cat".to_string(), "printed".to_string()], timeout: Duration::from_secs(30) };
    let commands = BTreeMap::from([("cat".to_string(), cat)]);
    let providers = Providers {
        root: root.to_path_buf(),
        commands: &commands,
        keys: Keys { identity: root.join("identity"), ask: None },
        vault: vault(root),
    };
    let references = ["file:read", "command:cat", "age:mem/one", "vault:kv/mem#one"].map(str::to_string);
    resolve(&BTreeSet::from(references), &providers).unwrap()
}

/// A server of secrets whose one secret is the text of a file.
fn vault(root: &Path) -> Vault {
    std::fs::write(root.join("token"), "token").unwrap();
    std::fs::set_permissions(root.join("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let answer = root.join("answer");
    Vault {
        address: Some("https://vault".to_string()),
        namespace: None,
        token_file: "token".to_string(),
        may_be_plain: false,
        get: Box::new(move |url, _| {
            let mut body = Secret::new(Vec::with_capacity(1 << 12));
            if url.contains("/ui/") {
                body.expose_mut().extend_from_slice(b"{\"data\": {\"path\": \"kv/\", \"type\": \"kv\"}}");
            } else {
                std::fs::File::open(&answer).unwrap().read_to_end(body.expose_mut()).unwrap();
            }
            Ok(Answer { status: 200, body })
        }),
    }
}

/// As the secret `kv/mem`, of which only one field is asked for.
fn put(root: &Path, text: &Path, unasked: &Path) {
    let script =
        "printf '{\"data\": {\"one\": \"%s\", \"more\": [\"%s\"]}}' \"$(cat \"$1\")\" \"$(cat \"$2\")\" >\"$3/answer\"";
    let mut command = std::process::Command::new("sh");
    assert!(command.args(["-c", script, "sh"]).args([text, unasked, root]).status().unwrap().success());
}

/// As `mem/one` of a project, whose identity lies beside it.
fn seal(root: &Path, text: &Path) {
    std::fs::write(root.join("opsc.toml"), "identity = \"identity\"\n").unwrap();
    let script = "cd \"$2\" && \"$1\" secret keygen >&2 && \"$1\" secret set mem/one <\"$3\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_opsc")]).arg(root).arg(text);
    assert!(command.stderr(std::process::Stdio::null()).status().unwrap().success());
}

#[test]
fn no_text_of_a_secret_is_left_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (read, printed) = (folder.path().join("read"), folder.path().join("printed"));
    unseen(&read, 36);
    // So long that a buffer which grows would leave its beginning behind.
    unseen(&printed, 90_000);
    // Of each the end: the beginning of memory that is free again belongs to the allocator.
    // Encrypted by another process, which alone knows it yet.
    let sealed = folder.path().join("sealed");
    unseen(&sealed, 36);
    seal(folder.path(), &sealed);
    let vaulted = folder.path().join("vaulted");
    unseen(&vaulted, 36);
    let unasked = folder.path().join("unasked");
    unseen(&unasked, 600);
    put(folder.path(), &vaulted, &unasked);
    let unasked = [disguised("tail -c 24 \"$1\"", &unasked)];
    let letters = [
        disguised("tail -c 24 \"$1\"", &sealed),
        disguised("tail -c 24 \"$1\"", &vaulted),
        disguised("tail -c 24 \"$1\"", &read),
        disguised("tail -c 5000 \"$1\" | head -c 48", &printed),
        disguised("base64 -w 0 \"$1\" | tail -c 24", &read),
        disguised("od -An -v -tx1 \"$1\" | tr -d ' \\n' | tail -c 48", &read),
        disguised("tr a-z A-Z <\"$1\" | tail -c 24", &read),
    ];
    assert_eq!(letters.each_ref().map(Vec::len), [24, 24, 24, 48, 24, 48, 24]);
    assert_eq!(copies(&letters), [0; 7], "the test gives nothing away itself");

    let secrets = resolved(folder.path());
    assert_eq!(copies(&unasked), [0], "nor what nobody asked for");
    let source = || SecretRef::Source("file:read".to_string());
    let lookup = |source: &str| secrets.get(source).map(|text| text.expose().as_str());
    let joined = SecretRef::Concat(vec![SecretRef::Text("user:".to_string()), source()]);
    let upper = SecretRef::Applied(Function::Upper, vec![source()]);
    let values = [text_of(&joined, &lookup).unwrap(), text_of(&upper, &lookup).unwrap()];
    let all: Vec<_> = secrets.iter().map(|(_, text)| text.clone()).chain(values).collect();
    let redactor = Redactor::new(&all);
    assert!(copies(&letters).iter().all(|count| *count > 0), "what is there is found");

    drop((redactor, all, secrets));
    assert_eq!(copies(&letters), [0; 7]);
}
