//! From text to effect: parse, check, plan and run small playbooks with actions of their own on this machine.

use opsc::base::source::Sources;
use opsc::check::{Input, Library, check};
use opsc::hir::world::World;
use opsc::plan::inputs::Inputs;
use opsc::run::event::{HostOutcome, Outcome};

use super::run_lab::{Lab, Ran};

const ACTIONS: &str = r#"ops 1

type NoteState = { exists: bool, content: text, mode: string? }

action note.write(
  to: path,
  content: text,
  mode: string? = none,
  pause: duration = 1s,
) -> NoteState ! change {
  doc: "Write a note."
  touches: ["path:{to}"]
  needs: before.parent else "there is no folder for {to}"
  skip: before.exists and before.content == content and (mode == none or before.mode == mode)
  ensure: after.content == content

  linux {
    check sh """
      out parent "$([ -d "${to%/*}" ] && echo true || echo false)"
      if [ -f "$to" ]; then
        out exists true
        out content "$(cat "$to")"
        out mode "$(stat -c %a "$to")"
      else
        out exists false
        out content ""
        out mode ""
      fi
    """
    apply sh """
      [ "$pause" = 1 ] || exit 9
      printf '%s' "$content" > "$to"
      if [ "$mode_set" = true ]; then chmod "$mode" "$to"; fi
    """
    rollback sh """
      if [ "$before_exists" = true ]; then printf '%s' "$before_content" > "$to"
      else rm -f -- "$to"; fi
    """
  }
}

action note.read(path: path) -> { content: text } ! read {
  doc: "Read a note."

  linux {
    check sh """
      content=$(cat "$path") || exit 1
      out content "$content"
    """
  }
}
"#;

const BY_FACTS: &str = r#"
action note.place(to: path) -> { kind: string } ! change {
  doc: "Say which body ran."

  linux where facts.init == "never" {
    apply sh """
      out kind never
    """
  }

  linux where facts.arch != "never" {
    apply sh """
      printf '%s' facts > "$to"
      out kind facts
    """
  }
}

action note.never() -> { kind: string } ! change {
  doc: "Has no body for any host."

  linux where facts.init == "never" {
    apply sh """
      out kind never
    """
  }
}
"#;

/// Runs the only playbook of `ACTIONS` + `text`; `FOLDER` in it is the lab's folder.
fn run(lab: &mut Lab, text: &str) -> Ran {
    let text = format!("{ACTIONS}\n{text}").replace("FOLDER", lab.text_path("").trim_end_matches('/'));
    let mut sources = Sources::new();
    let file = sources.add("lab.ops", text);
    let (tree, diagnostics) = opsc::syntax::parse(&sources, file);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let world = World::Known(std::sync::Arc::new(lab.inventory.clone()));
    let (program, diagnostics) = check(
        &Input {
            main: &tree.expect("a tree"),
            library: &[],
            world: &world,
            secret_commands: &[],
            secret_files: &std::collections::BTreeMap::new(),
            approvers: &[],
            unread: &[],
        },
        &mut Library::default(),
    );
    let program = program.unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let playbook = program.playbooks.first().expect("a playbook");
    lab.plan = opsc::plan::plan(&program, playbook, &lab.inventory, &Inputs::default())
        .unwrap_or_else(|refusal| panic!("{:#?}", refusal.diagnostics));
    lab.program = program;
    lab.run()
}

#[test]
fn a_playbook_changes_what_differs_and_nothing_else() {
    let mut lab = Lab::new(3);
    let text = r#"
playbook notes(web: hosts = host("web1") + host("web2") + host("web3")) ! change {
  on web (batch: [1, 2]) {
    note = note.write(to: "FOLDER/{host.name}", content: "it's {host.name}; $(id)", mode: "600")

    if note.changed {
      note.write(to: "FOLDER/{host.name}.changed", content: note.mode ?? "none")
    }
  }
}
"#;
    let first = run(&mut lab, text);
    assert_eq!(first.summary.exit, 0, "{:?}", first.events);
    assert_eq!(lab.read("web3").as_deref(), Some("it's web3; $(id)"));
    let second = run(&mut lab, text);
    assert_eq!(second.only_outcomes("web2"), [Outcome::Ok, Outcome::Skipped]);
}

#[test]
fn a_failed_requirement_rolls_the_batch_back() {
    let mut lab = Lab::new(3);
    std::fs::write(lab.path("web1"), "before").expect("a file");
    let ran = run(
        &mut lab,
        r#"
playbook notes(web: hosts = host("web1") + host("web2") + host("web3")) ! change {
  on web (batch: 2) {
    note.write(to: "FOLDER/{host.name}", content: "new")
    seen = note.read(path: "FOLDER/{host.name}")
    require host.name != "web2" or seen.content != "new" else "{host.name}: {seen.content}"

    on failure {
      rollback batch
    }
  }
}
"#,
    );
    assert_eq!(ran.error("web2"), "web2: new");
    assert_eq!((lab.read("web1").as_deref(), lab.read("web2"), lab.read("web3")), (Some("before"), None, None));
    assert_eq!(ran.host_outcomes(), [HostOutcome::RolledBack, HostOutcome::RolledBack, HostOutcome::NotRun]);
    assert_eq!(ran.summary.exit, 23);
}

#[test]
fn what_an_action_needs_is_asked_before_it_acts() {
    let mut lab = Lab::new(1);
    let ran = run(
        &mut lab,
        r#"
playbook notes(web: hosts = host("web1")) ! change {
  on web {
    note.write(to: "FOLDER/missing/note", content: "new")
  }
}
"#,
    );
    assert!(ran.error("web1").starts_with("there is no folder for "), "{:?}", ran.events);
    assert_eq!(ran.summary.exit, 21);
}

#[test]
fn results_of_a_block_choose_the_next_blocks_hosts() {
    let mut lab = Lab::new(3);
    for (name, content) in [("web1", "old"), ("web2", "new"), ("web3", "old")] {
        std::fs::write(lab.path(name), content).expect("a file");
    }
    let ran = run(
        &mut lab,
        r#"
playbook notes(web: hosts = host("web1") + host("web2") + host("web3")) ! change {
  on web {
    seen = note.read(path: "FOLDER/{host.name}")
  }

  let outdated = web where seen[host].content == "old"

  written = on outdated (batch: 1) {
    note.write(to: "FOLDER/{host.name}", content: "new")
  }

  on web {
    note.write(to: "FOLDER/{host.name}.count", content: "{outdated.count} {written.changed.count}")
  }
}
"#,
    );
    assert_eq!(ran.summary.exit, 0, "{:?}", ran.events);
    assert_eq!((lab.read("web1").as_deref(), lab.read("web3").as_deref()), (Some("new"), Some("new")));
    assert_eq!(lab.read("web2.count").as_deref(), Some("2 2"));
}

#[test]
fn the_playbooks_own_clauses_run_after_the_hosts() {
    let mut lab = Lab::new(2);
    let ran = run(
        &mut lab,
        r#"
playbook notes(web: hosts = host("web1") + host("web2")) ! change {
  on web (batch: 1) {
    note.write(to: "FOLDER/{host.name}", content: "new")
  }

  on web (batch: 1) {
    require host.name != "web2" else "not here"
  }

  on failure {
    rollback all
  }
}
"#,
    );
    assert_eq!((lab.read("web1"), lab.read("web2")), (None, None), "{:?}", ran.events);
    assert_eq!(ran.summary.exit, 23, "{:?}", ran.summary);
}

#[test]
fn facts_choose_the_body_and_none_is_a_clear_error() {
    let mut lab = Lab::new(1);
    let playbook = r#"
playbook notes(web: hosts = host("web1")) ! change {
  on web {
    note.place(to: "FOLDER/kind")
    note.never()
  }
}
"#;
    let ran = run(&mut lab, &format!("{BY_FACTS}\n{playbook}"));
    assert_eq!(lab.read("kind").as_deref(), Some("facts"), "{:?}", ran.events);
    assert_eq!(
        ran.error("web1"),
        "note.never has no body for this linux: no `where facts…` of its bodies is true here"
    );
}
