//! Floor 1: a command as typed pieces, and its text for a POSIX shell. Values become text in one place only.
//! Knows nothing of connections: `transport` carries the text and brings back the bytes.
//!
//! * [`program`]: what a step runs, as data
//! * [`quote`]: the one place where a value becomes shell text
//! * [`lane`]: the constant texts of a lane: how it starts, what it defines, how it ends
//! * [`receipt`]: what a host keeps of a step that must not be done twice
//! * [`holder`]: who may change a host, where journals do not see each other
//! * [`step`]: one step as the text that the lane reads
//! * [`powershell`]: the bytes of a lane of PowerShell
//! * [`powershell_task`]: a step of another user there
//! * [`frames`]: the marks that come back between the raw output
//!
//! # The bytes of a lane, version 1
//!
//! One process per host and user reads steps from its stdin. RS is the byte 0x1e.
//!
//! | direction | bytes | meaning |
//! | --- | --- | --- |
//! | ← both streams | `RS T hello 1 <system> <shell> <user>\n` | ready; all before it is noise of rc files |
//! | → | [`lane::FUNCTIONS`] | defines `out` and `__end` |
//! | → | `b_<hash>='<body>'` | once per lane and body |
//! | → | `( __nonce=F … __body ) </dev/null`, `__end E <n> "$?"` | step n |
//! | ← stdout | `RS F out <key> <length>\n<value>\n` | a field; the length is in bytes |
//! | ← both streams | `RS E end <n> <code>\n` | the step is over on this stream |
//! | → | end of stdin | every process below the lane ends, then its files go |
//!
//! Where a simpler form would be expected, this is why it is not that:
//!
//! * There is no nonce of the session. T is an argument, which every user of the host can see, so it opens the lane
//!   and nothing else. F and E are new for each step: a child that an earlier step left behind cannot report to the
//!   next one, and E is never in a variable, so no step can end itself or another.
//! * The hello names the user, because after `su` or `sudo` only the host knows who it is.
//! * A body is a variable that the step evaluates, not a function: a syntax error in a definition ends the shell itself.
//!   A function that bodies share evaluates such a variable as well, so its text travels once for all of them.
//! * Values of any size are in the step's text; only files have a channel of their own ([`lane::Work::Receive`]).
//! * A deadline is the end of stdin and costs the lane; the next step opens another. `timeout` and `setsid` are not
//!   everywhere, and a lost connection needs the same ending anyway.
//! * A field that is cut by the end of its step is dropped: a child in the background was still writing it.
//!
//! # PowerShell, version 1
//!
//! One process per host and user reads frames from its stdin: four bytes of length, the lowest first, and UTF-8.
//!
//! | direction | bytes | meaning |
//! | --- | --- | --- |
//! | → | [`powershell::RUNTIME`] | what reads the frames that follow |
//! | → | `{"token": T}` | |
//! | ← both streams | the same hello, with the system `Windows` | ready; all before it is noise |
//! | → | `{"seq": n, "fields": F, "end": E, "body": …, "variables": …}` | step n |
//! | → | the same, with `"lane": true` and a step of another user among its variables | made a task by [`powershell_task`] |
//! | ← | the same marks | |
//! | → | end of stdin | every process below the lane ends while a step runs, and its files go |
//!
//! Variables have types there, a body of its own module sees neither F nor E, and a file is sent by steps, because a
//! process more costs half a second.
//!
//! # Limits
//!
//! What it cannot do: raw output of a child that an earlier step left behind is told as output of the step that runs
//! by then, and a process whose own parent has left it, as daemons arrange, outlives deadlines and the lane.

pub mod error;
pub mod frames;
pub mod holder;
pub mod lane;
pub mod powershell;
pub mod powershell_task;
pub mod program;
pub mod quote;
pub mod receipt;
pub mod step;

pub use program::{Function, Language, NamedScript, Program, Scalar, Text, Variable, VariableValue};
