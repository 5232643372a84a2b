//! Who may change a host: one opsc at a time for each of its users. A journal locks its own runs out; this is for runs whose
//! journals, on two machines, know nothing of each other. Knows nothing of when a host is asked.
//!
//! A claim is the file `~/.opsc/holders/PID`, named by the process of a lane: the start of the machine, the start of
//! that process, the journal, and words for people. It holds as long as its process lives, so no clock is needed, and a
//! run that dies blocks nobody. A run that ends takes its own away, so that the host is as it was. Who claims writes first
//! and looks then, so of two at the same moment at least one sees the other; who sees another takes its own claim back,
//! and names the other where that one is sure of it (`PID.held`). A step that outlives its lane (see
//! [`receipt`](super::receipt)) holds on for it.
//!
//! Where a user has no home of its own that can be written, nothing is held. On Windows the folder is
//! `%LOCALAPPDATA%\opsc\holders`.

use super::program::{Language, Program};
use super::receipt;

/// Whose claim it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// What tells its journal from all others; letters and digits. Runs of one journal do not keep each other off.
    pub journal: String,
    /// For people, on one line: which run, of whom, from where.
    pub words: String,
}

/// The field with the words of who holds the host, where that is somebody else.
pub const HOLDER: &str = "holder";
/// The field with the number of the process that it depends on.
pub const PROCESS: &str = "process";

/// `__other` finds the claim of another journal that still holds, and takes away what does not. A claim of another start of
/// the machine may be one of a machine that shares this home, whose processes cannot be seen here: it holds nobody off, and
/// goes once it is two weeks old.
const LOOK: &str = r#"
__d=$HOME/.opsc/holders
__read() { { read -r __b && read -r __t && read -r __j && read -r __w; } <"$1"; }
__other() {
  for __f in "$__d"/*[0-9]; do
    __o=${__f##*/}; if [ "$__o" = "$$" ] || ! __read "$__f"; then continue; fi
    if [ "$__b" != "$__boot" ]; then [ -z "$(find "$__f" -mtime +14)" ] || rm -f "$__f" "$__f.held"
    elif ! kill -0 "$__o" || [ "$(__started "$__o")" != "$__t" ]; then rm -f "$__f" "$__f.held"
    elif [ "$__j" != "$journal" ]; then return 0; fi
  done
  return 1
}
"#;

const CLAIM: &str = r#"
__i=0
__claim() {
  __boot=$(__boot); __s=$(__started "$$")
  [ -n "$__boot" ] && [ -n "$__s" ] && [ -O "$HOME" ] || return 0
  [ ! -e "$__d/$$.held" ] || rm -f "$__d/$$.held"
  while :; do
    # Who has just given the last claim back may take the folder away.
    (umask 077; mkdir -p "$__d") && [ -O "$HOME/.opsc" ] && [ -O "$__d" ] &&
      printf '%s\n' "$__boot" "$__s" "$journal" "$words" >"$__d/.$$" && mv -f "$__d/.$$" "$__d/$$" || {
      [ "$__i" -lt 3 ] || return 0; __i=$((__i+1)); continue; }
    __other || { : >"$__d/$$.held"; return 0; }
    rm -f "$__d/$$"
    if [ -e "$__f.held" ] || [ "$__i" -ge 20 ]; then return 1; fi
    # Two who came at once do not wait for the same time.
    sleep "0.0$((($$ >> __i % 12 & 7) + 1))" || sleep 1
    __i=$((__i+1))
  done
}
__claim 2>/dev/null || { out holder "$__w"; out process "$__o"; }
:
"#;

/// Takes the claim of this lane away, and what is dead, so that the host is as it was; what still goes on keeps its own.
const RELEASE: &str = r#"
__release() {
  __boot=$(__boot); rm -f "$__d/$$" "$__d/$$.held"
  __other || rmdir "$__d" "$HOME/.opsc"
}
__release 2>/dev/null
:
"#;

/// Claims the host for its user and the lane that runs this, and reports [`HOLDER`] where somebody else has it.
pub fn claim(language: Language, owner: &Owner) -> Program {
    let program = match language {
        Language::Sh => Program::new(format!("{}{LOOK}{CLAIM}", receipt::PROCESSES)),
        Language::PowerShell => receipt::windows(include_str!("powershell_holder_claim.ps1")),
    };
    program.with("journal", &owner.journal).with("words", &owner.words)
}

/// Gives the claim of the lane that runs this back. On Windows it goes with the next claim of somebody.
pub fn release(language: Language, owner: &Owner) -> Option<Program> {
    let text = || format!("{}{LOOK}{RELEASE}", receipt::PROCESSES);
    (language == Language::Sh).then(|| Program::new(text()).with("journal", &owner.journal))
}
