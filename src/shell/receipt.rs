//! The texts of a receipt: what a host keeps of a step that must not be done twice, so that a lost connection is not a
//! lost step. Knows nothing of when one is asked for.
//!
//! A receipt is the folder `~/.opsc/receipts/ID`, open to its user alone:
//!
//! | file | holds |
//! | --- | --- |
//! | `process` | number and start of the process that does the step |
//! | `f.KEY` | a field that was reported |
//! | `o.said`, `e.said` | what the step printed, of each stream a mebibyte or two at most |
//! | `ending` | numbers and starts of the processes that were told to end |
//! | `code` | the exit code, once the step is over |
//! | `told` | nothing: the end is known to who ran it, and only the code stays |
//!
//! A file `.kept` beside the receipts says that none was taken away with their folder. The process has no parent in the
//! lane, so what ends the lane does not end it. What it prints goes through two pipes with names to the lane as long as
//! there is one.
//!
//! On Windows the folder is `%LOCALAPPDATA%\opsc\receipts\ID`, and the process is the lane's own: a step goes on where the
//! lane does, and what it prints to nobody is not kept. Its files there are `process`, `code`, `told` and, of the n-th field,
//! `f.n` with its name in the first line.

use super::program::{Function, Language, Program, Variable, VariableValue};

/// What the bodies here share. `__started` tells apart two processes that had one number, at different times.
pub(super) const PROCESSES: &str = r#"
__started() { if [ -r /proc/self/stat ]; then read -r __y <"/proc/$1/stat" || return 1; set -- ${__y##*") "}
  [ "$1" != Z ] && echo "${20}"; else ps -o lstart= -p "$1"; fi; }
__alive() { [ -r "$__r/process" ] && read -r __p __s <"$__r/process" && kill -0 "$__p" && [ "$(__started "$__p")" = "$__s" ]; }
__boot() { if [ -r /proc/sys/kernel/random/boot_id ]; then cat /proc/sys/kernel/random/boot_id; else sysctl -n kern.boottime; fi; }
__tell() { for __f in "$__r"/f.*; do
    if [ -e "$__f" ]; then __v=$(cat "$__f"; echo x); out "${__f##*/f.}" "${__v%x}"; fi
  done; read -r __c <"$__r/code"; exit "$__c"; }
"#;

/// Called in place of the body, which it runs as `__run`.
const ONCE: &str = r#"
__r=$HOME/.opsc/receipts/$__receipt
mkdir -m 700 "$__r" && mkfifo "$__r/o" "$__r/e" || { echo "no receipt could be made in $__r" >&2; exit 125; }
exec 5>&1 6>&2
# Words that find nobody to listen are kept, and stop nobody; `tee` goes on where one of its two ways is closed or full.
__relay() { ulimit -f 2048; trap '' PIPE XFSZ; tee "$1.said" || cat >/dev/null; : >"$1.over"; }
# In /proc/self the shell finds itself, without another process.
__self() { if [ -r /proc/self/stat ]; then read -r __y </proc/self/stat; __p=${__y%% *}; set -- ${__y##*") "}; __s=${20}
  else __p=$(exec sh -c 'echo $PPID'); __s=$(__started "$__p"); fi; }
# What outlives the lane keeps others off the host as the lane did.
__hold() { [ ! -e "$1/$$.held" ] || { read -r __b && read -r __y && read -r __j && read -r __w && printf '%s\n' "$__b" "$__s" "$__j" "$__w" >"$1/.$__p" &&
  : >"$1/$__p.held" && mv -f "$1/.$__p" "$1/$__p"; } <"$1/$$"; }
__do() {
  __self; echo "$__p $__s" >"$__r/process" || exit 125
  __hold "$HOME/.opsc/holders" 2>/dev/null
  ( __relay "$__r/o" ) <"$__r/o" >&5 4>&- 6>&- &
  ( __relay "$__r/e" ) <"$__r/e" >&6 4>&- 5>&- &
  (
    out() { case $1 in ''|*[!A-Za-z0-9_.-]*) __k=' ' ;; *) __k=$1 ;; esac; printf '%s' "$2" >|"$__r/f.$__k"; }
    __run
  ) >"$__r/o" 2>"$__r/e" </dev/null 4>&- 5>&- 6>&-
  __c=$?
  # A child in the background may hold the output open for ever.
  __i=0; __n=0.002; until [ -e "$__r/o.over" ] && [ -e "$__r/e.over" ]; do
    [ "$__i" -lt 50 ] || break; sleep "$__n" || sleep 1; __i=$((__i+1)); [ "$__i" -lt 5 ] || __n=0.01; done
  echo "$__c" >"$__r/code"
}
# Over when the process has closed the pipe, however it ended. A substitution would do in most shells, not in ksh.
{ { ( trap '' HUP; trap : INT QUIT TERM; __do ) 4>&1 </dev/null >/dev/null 2>&1 & } & } | { read -r __y; :; }
exec 5>&- 6>&-
[ -s "$__r/code" ] || exit 137
__tell
"#;

/// Whether this user can have receipts on this host, and what tells one start of it from another. What nobody asked
/// for in two weeks goes. Only in a home that is the user's own: whoever becomes root may still have another's, where
/// a link could lead elsewhere.
const PREPARE: &str = r#"
__d=$HOME/.opsc/receipts
boot=$(__boot 2>/dev/null)
if [ -n "$boot" ] && [ -O "$HOME" ] && (umask 077; mkdir -p "$__d") 2>/dev/null && [ -O "$HOME/.opsc" ] && [ -O "$__d" ] &&
  command -v mkfifo >/dev/null && command -v tee >/dev/null; then
  : >"$__d/.kept"
  find "$__d/." ! -name . -prune -type d -mtime +14 -exec rm -rf {} + 2>/dev/null
  out boot "$boot"
fi
:
"#;

/// What the host knows of a receipt: `finished`, `running`, `told` to somebody, `absent` where the step never began, else
/// `lost`.
const ASK: &str = r#"
__d=$HOME/.opsc/receipts; __r=$__d/$__receipt
boot=$(__boot 2>/dev/null); __i=0
while :; do
  if [ -e "$__r/told" ]; then state=told
  elif [ -s "$__r/code" ]; then state=finished
  elif [ ! -e "$__d/.kept" ]; then state=lost
  elif [ ! -d "$__r" ]; then state=absent
  elif __alive 2>/dev/null; then state=running
  # Between the two looks it may have ended, and right after its folder was made it has no process yet.
  elif [ "$__i" -lt 10 ]; then __i=$((__i+1)); sleep 0.1 || sleep 1; continue
  else state=lost; fi
  break
done
out boot "$boot"; out state "$state"
"#;

/// Waits for the end of a step that goes on by itself, with what it prints meanwhile, and tells what it reported.
const FOLLOW: &str = r#"
__r=$HOME/.opsc/receipts/$__receipt
__copy() { __n=$(($(wc -c <"$1"))); [ "$__n" -gt "$2" ] || { __n=$2; return; }; tail -c "+$(($2+1))" "$1" | head -c "$((__n-$2))"; }
__was_ended() { [ ! -e "$__r/ending" ] || out __ended yes; }
__a=0; __b=0; __z=
while :; do
  if [ -s "$__r/code" ]; then __z=code; elif ! __alive 2>/dev/null; then __z=${__z:+gone}; __z=${__z:-maybe}; else __z=; fi
  if [ -e "$__r/o.said" ]; then __copy "$__r/o.said" "$__a"; __a=$__n; fi
  if [ -e "$__r/e.said" ]; then __copy "$__r/e.said" "$__b" >&2; __b=$__n; fi
  case $__z in
    code) read -r __c <"$__r/code"; [ "$__c" = 0 ] || __was_ended; __tell ;;
    gone) __was_ended; exit 137 ;;
  esac
  sleep 0.1 || sleep 1
done
"#;

/// Ends the step: TERM, after `__tenths` of a second KILL where that is asked for, for its process and all below it.
/// Reports `alive` where any of them is. Who was told to end is written down: the step's process may be gone when others
/// of them go on. A process of its own does it, as the step's: if the lane ended in between, they would stay stopped.
const END: &str = r#"
__r=$HOME/.opsc/receipts/$__receipt
__list() { if [ -r /proc/self/stat ]; then for __x in /proc/[0-9]*/stat; do __y=; read -r __y <"$__x" && { set -- ${__y##*") "}; echo "${__y%% *} $2"; }; done
  else ps -A -o pid= -o ppid=; fi; }
__below() { __t=$(__list); __g=1; while [ "$__g" = 1 ]; do __g=0; set -- $__t; while [ $# -gt 1 ]; do case "$__m" in
  *" $1 "*) ;; *" $2 "*) __m="$__m$1 "; __g=1 ;; esac; shift 2; done; done; }
# All of them stopped: one that dies right after it started a child would leave the child to nobody.
__stop() { __o=; until [ "$__o" = "$__m" ]; do __o=$__m; __below; kill -STOP $__m; done; }
__told() { for __x in $__m; do set -- $(__started "$__x"); echo "$__x $*"; done >"$__r/ending"; }
__left() { __m=" "; while read -r __x __y; do set -- $(__started "$__x"); [ -z "$*" ] || [ "$*" != "$__y" ] || __m="$__m$__x "; done <"$__r/ending"
  [ "$__m" != " " ]; }
__finish() {
  if [ -e "$__r/ending" ]; then __left || return; else __alive || return; __m=" $__p "; fi
  __stop; __told; kill $__m; kill -CONT $__m; __i=0
  while __left && [ "$__i" -lt "$__tenths" ]; do sleep 0.1 || { sleep 1; __i=$((__i+9)); }; __i=$((__i+1)); done
  if ! __left; then :; elif [ -n "$__kills" ]; then __stop; kill -KILL $__m; else echo alive >&4; fi
}
{ { ( trap '' HUP; trap : INT QUIT TERM; __finish ) 4>&1 </dev/null >/dev/null 2>&1 & } & } | { read -r __y; [ "$__y" != alive ] || out alive yes; }
:
"#;

/// Keeps of steps whose end was told no more than their codes: whoever asks with an older journal must not hear that one
/// never began. Their names are letters and digits, so the words may be split.
const TOLD: &str = r#"
__told() {
  __l=; for __x; do [ -s "$__x/code" ] && : >"$__x/told" && __l="$__l $__x/f.* $__x/[oe] $__x/[oe].* $__x/process $__x/ending"; done
  [ -z "$__l" ] || rm -f $__l
}
cd "$HOME/.opsc/receipts" && with_receipts __told
"#;

/// Which constant texts replace the body of a program with a receipt.
pub(super) fn once() -> String {
    format!("{PROCESSES}{ONCE}")
}

/// Reports `boot` where receipts can be had.
pub fn prepare(language: Language) -> Program {
    match language {
        Language::Sh => Program::new(format!("{PROCESSES}{PREPARE}")),
        Language::PowerShell => windows(include_str!("powershell_receipt_prepare.ps1")),
    }
}

/// Reports `state` and `boot`.
pub fn ask(language: Language, id: &str) -> Program {
    match language {
        Language::Sh => about(&[PROCESSES, ASK], id),
        Language::PowerShell => windows(include_str!("powershell_receipt_ask.ps1")).with("id", id),
    }
}

/// What [`follow`] reports of a step that failed after somebody had told it to end: nobody knows what of it was done.
pub const ENDED: &str = "__ended";

/// Ends as the step ends, with what it printed and its fields; 137 where it was killed.
pub fn follow(language: Language, id: &str) -> Program {
    match language {
        Language::Sh => about(&[PROCESSES, FOLLOW], id),
        Language::PowerShell => windows(include_str!("powershell_receipt_follow.ps1")).with("id", id),
    }
}

/// Gives the step two seconds to end, and ends it. On Windows nothing can be told to end, so it is ended at once.
pub fn end(language: Language, id: &str) -> Program {
    match language {
        Language::Sh => about(&[PROCESSES, END], id).with("__tenths", "20").with("__kills", "yes"),
        Language::PowerShell => windows(include_str!("powershell_receipt_end.ps1")).with("id", id),
    }
}

/// Tells the step to end, and reports `alive` where any of it has not half a second later.
pub fn ask_to_end(language: Language, id: &str) -> Program {
    match language {
        Language::Sh => about(&[PROCESSES, END], id).with("__tenths", "5").with("__kills", ""),
        Language::PowerShell => end(language, id),
    }
}

/// Of these.
pub fn told(language: Language, ids: Vec<String>) -> Program {
    let receipts = Variable { name: "receipts".to_owned(), value: VariableValue::List(ids) };
    let program = match language {
        Language::Sh => Program::new(TOLD),
        Language::PowerShell => windows(include_str!("powershell_receipt_told.ps1")),
    };
    Program { variables: vec![receipts], ..program }
}

fn about(texts: &[&str], id: &str) -> Program {
    Program::new(texts.concat()).with("__receipt", id)
}

/// A body that may call the functions of receipts.
pub(super) fn windows(body: &str) -> Program {
    let functions = [
        ("receipt_folder", include_str!("powershell_receipt_folder.ps1")),
        ("receipt_boot", include_str!("powershell_receipt_boot.ps1")),
        ("receipt_runs", include_str!("powershell_receipt_runs.ps1")),
    ];
    let function = |(name, body): (&str, &str)| Function { name: name.to_owned(), body: body.to_owned() };
    Program { functions: functions.map(function).to_vec(), ..Program::powershell(body) }
}
