//! The constant texts of a lane: the command that starts it and the functions its steps use.
//! Knows nothing of the connection that carries them.

use super::error::ShellError;
use super::quote::quote;

/// The byte that opens every mark.
pub const MARK: u8 = 0x1e;

/// What the far side of a lane does after the hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work<'a> {
    /// Reads steps from stdin until its end.
    Steps,
    /// Writes stdin to this file name in the lane's private directory.
    Receive { file: &'a str },
    /// Runs this text and reads nothing: for hosts whose commands get no input. Whoever may list the host's processes
    /// reads it too. What still runs after so many seconds is ended.
    Text { text: &'a str, seconds: u64 },
}

/// One line without newlines, single quotes, `!` or `\'`, so that csh and fish pass it on unharmed.
///
/// Arguments: token, shell, work, file or text, seconds. Arguments can be seen by every user of the host, so the token only finds the
/// hello and names the private directory; the nonces of the marks arrive on stdin. A watcher copies stdin to the inner
/// shell; at the end of stdin it ends every process below the lane (TERM, after two seconds KILL), and the private
/// directory of a step lane goes with it.
const START: &str = concat!(
    // A step that signals its whole group ends itself, not the lane: shells trap, and the watcher and its cat ignore.
    r#"n=$1; s=$2; f=/tmp/opsc-$1; trap : HUP INT QUIT TERM; PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin; "#,
    // A text comes through a pipe with a name, which stays open for as long as the text may take.
    r#"if [ "$3" = text ]; then (umask 077; mkdir "$f" && mkfifo "$f/in") || exit 1; "#,
    r#"{ printf %b "$4"; exec sleep "$5"; } >"$f/in" 2>/dev/null & exec <"$f/in"; else "#,
    r#"u=$(uname -s); w=$(id -un); h() { printf "\036%s hello 1 %s %s %s\n" "$n" "$u" "$s" "$w"; }; h; h >&2; fi; "#,
    r#"if [ "$3" = receive ]; then umask 077; [ -e "$f" ] || mkdir -m 700 "$f"; "#,
    // A directory that someone else put there first, or a link to elsewhere, is not used.
    r#"{ [ -O "$f" ] && [ -d "$f" ] && [ -z "$(find "$f" -prune -type l)" ]; } || exit 1; cat >"$f/$4"; exit $?; fi; "#,
    // Every process with its parent: from /proc without a fork, else from ps. No pipeline: ksh catches the signals that
    // it should ignore, and one that comes at the wrong time leaves it waiting for the end of its own pipe.
    r#"p() { if [ -r /proc/self/stat ]; then for x in /proc/[0-9]*/stat; do y=; read -r y <"$x" && "#,
    r#"{ set -- ${y##*") "}; echo "${y%% *} $2"; }; done; "#,
    r#"else ps -A -o pid= -o ppid=; fi; }; "#,
    // The processes below those in m, except the watcher, into m.
    r#"d() { t=$(p); g=1; while [ "$g" = 1 ]; do g=0; set -- $t; while [ $# -gt 1 ]; do case "$m" in "#,
    r#"*" $1 "*) ;; *" $2 "*) [ "$1" = "$a" ] || { m="$m$1 "; g=1; } ;; esac; shift 2; done; done; }; "#,
    // The same, all of them stopped: one that dies right after it started a child would leave the child to nobody.
    r#"z() { m=" $$ $m"; o=; until [ "$o" = "$m" ]; do o=$m; d; kill -STOP ${m#" $$ "}; done; m=${m#" $$ "}; }; "#,
    // The cat alone is signalled when the steps end first: ksh cannot ignore a signal, and one that it catches while it
    // runs a command substitution takes its variables away, and with them whom not to stop.
    r#"{ exec 2>/dev/null; trap "" HUP INT QUIT TERM; a=$(exec "$s" -c "echo \$PPID"); echo "$a"; "#,
    r#""$s" -c "echo \$\$; exec cat"; exec >&-; m=; z; kill $m; kill -CONT $m; i=0; "#,
    // A dead process that nobody collects, as in many containers, is not waited for.
    r#"while [ "$i" -lt 20 ]; do g=; for x in $m; do kill -0 "$x" || continue; y=; read -r y <"/proc/$x/stat"; "#,
    r#"case "${y##*") "}" in Z*) ;; *) g=1 ;; esac; done; [ -z "$g" ] && break; "#,
    r#"sleep 0.1 || sleep 1; i=$((i+1)); done; "#,
    // A process that outlived TERM may have started others meanwhile.
    r#"z; kill -KILL $m; } | "#,
    r#"{ trap : HUP INT QUIT TERM; read -r a; read -r b; "$s"; c=$?; exec 2>/dev/null; "#,
    // A process that is no child of the watcher is a later one with the number of the cat.
    r#"if [ -r /proc/self/stat ]; then y=; read -r y <"/proc/$b/stat"; set -- ${y##*") "}; "#,
    r#"else set -- - $(ps -o ppid= -p "$b"); fi; [ "$2" = "$a" ] && kill -USR1 "$b"; wait "$a"; "#,
    // Behind the pipeline, because the watcher ends whatever still runs in it.
    r#"(exit "$c"); }; c=$?; trap "" HUP INT QUIT TERM; rm -rf "$f"; exit "$c""#
);

/// Defines what steps use. `trap` keeps the lane alive when the watcher ends its children.
pub const FUNCTIONS: &str = r#"trap : HUP INT QUIT TERM
out() { ( LC_ALL=C; printf '\036%s out %s %s\n%s\n' "$__nonce" "$1" "${#2}" "$2" ) }
__end() { printf '\036%s end %s %s\n' "$1" "$2" "$3"; printf '\036%s end %s %s\n' "$1" "$2" "$3" >&2; }
"#;

/// The words of the command that starts a lane: a shell, its program and the program's arguments.
pub fn start_words(shell: &str, token: &str, work: &Work<'_>) -> Vec<String> {
    let (kind, what, seconds) = match work {
        Work::Steps => ("steps", String::new(), None),
        Work::Receive { file } => ("receive", (*file).to_owned(), None),
        Work::Text { text, seconds } => ("text", escaped(text), Some(seconds.to_string())),
    };
    let words = [shell, "-c", START, "opsc", token, shell, kind].map(str::to_owned);
    words.into_iter().chain([what]).chain(seconds).collect()
}

/// For `printf %b`, without what some login shell reads between single quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '\n' | '\'' | '!' | '\\' => escaped.push_str(&format!("\\0{:03o}", u32::from(character))),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Words as one line for a login shell.
pub fn command_line(words: &[String]) -> Result<String, ShellError> {
    let quoted = words.iter().map(|word| quote("command", word)).collect::<Result<Vec<_>, _>>()?;
    Ok(quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{START, escaped};

    #[test]
    fn the_start_survives_any_login_shell() {
        for forbidden in ['\n', '\'', '!'] {
            assert!(!START.contains(forbidden), "{forbidden:?}");
            assert!(!escaped("it's\n1! \\'").contains(forbidden), "{forbidden:?}");
        }
        assert_eq!(escaped("a\n1\\n"), "a\\00121\\0134n");
    }
}
