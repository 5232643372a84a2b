//! Where paths of a machine lead: one name of a file may be a link to another. One read-only program for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::errors::{Phase, StepError};
use super::link::{Call, Link};
use crate::shell::{Language, Program, Variable, VariableValue};

/// Paths as they are written, and where they lead.
pub type RealPaths = BTreeMap<String, String>;

/// What is not there yet is looked for from the nearest folder above it that is.
const PROBE: &str = r#"
index=0
real() {
  top="$1"
  rest=
  until found="$(readlink -f -- "$top")" && [ -n "$found" ]; do
    if [ "$top" = / ]; then exit 1; fi
    rest="/${top##*/}$rest"
    top="$(dirname -- "$top")"
  done
  out "p$index" "${found%/}$rest"
  index=$((index + 1))
}
each_paths real
"#;

const DEADLINE: Duration = Duration::from_secs(30);

pub async fn real_paths(
    context: &Context,
    link: &mut Link,
    user: Option<&str>,
    paths: &[String],
) -> Result<RealPaths, StepError> {
    // A path of Windows is taken for what it says.
    if context.language(link) == Language::PowerShell {
        return Ok(paths.iter().map(|path| (path.clone(), path.clone())).collect());
    }
    let variables = vec![Variable { name: "paths".to_string(), value: VariableValue::List(paths.to_vec()) }];
    let program = Program { body: PROBE.to_string(), variables, ..Program::default() };
    let call = Call { phase: Phase::Check, user, program: &program, deadline: DEADLINE, doing: None };
    let completed = link.run(context, call, &mut |_, _| {}).await?;
    if completed.timed_out || completed.code != 0 {
        return Err(StepError::Exit { phase: Phase::Check, code: completed.code, tail: "readlink".to_string() });
    }
    let found = |index: usize| completed.text(&format!("p{index}"));
    let real = |(index, path): (usize, &String)| Some((path.clone(), plain(&found(index)?)));
    Ok(paths.iter().enumerate().filter_map(real).collect())
}

/// Without `.`, `..` and doubled slashes: what is left of them stands behind a folder that is not there yet.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn paths_have_one_plain_form() {
        let cases = [("/a/./b//c/", "/a/b/c"), ("/a/../b", "/b"), ("/", "/"), ("/..", "/")];
        cases.into_iter().for_each(|(path, expected)| assert_eq!(plain(path), expected));
    }
}
