//! PowerShell that opsc brings along: bodies of the library, their functions, and `.ps1` files of the source. None of it can
//! run here, so a grammar of PowerShell reads all of it, and the rules of the house look at its tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use opsc::hir::program::{Action, ActionBody, Body, Impl};
use opsc::hir::types::Type;
use opsc::hir::value::ScriptLanguage;
use tree_sitter::{Node, Parser, Tree};

use super::docs::library;
use super::schemas::root;

/// A text, and the commands in it that are neither cmdlets nor programs.
struct Text {
    place: String,
    text: String,
    own: BTreeSet<String>,
}

fn phases(each: &Impl) -> impl Iterator<Item = (&'static str, &Body)> {
    let all = [("check", &each.check), ("apply", &each.apply), ("verify", &each.verify), ("rollback", &each.rollback)];
    all.into_iter().filter_map(|(name, body)| Some((name, body.as_ref()?)))
}

/// What an action's bodies are, with each function that they share once.
fn texts_of(action: &Action, texts: &mut BTreeMap<String, Text>) {
    let ActionBody::Impls(impls) = &action.body else { return };
    let scripts = action.params.iter().filter(|param| *param.ty.core() == Type::Script);
    let given: BTreeSet<String> =
        scripts.map(|param| param.name.clone()).chain(["out", "code"].map(str::to_string)).collect();
    for each in impls {
        for (phase, body) in phases(each) {
            let Body::Script { script, functions } = body else { continue };
            if script.language != ScriptLanguage::Powershell {
                continue;
            }
            let own: BTreeSet<String> =
                functions.iter().map(|function| function.name.clone()).chain(given.clone()).collect();
            let place = format!("{} {phase}", action.name);
            for function in functions {
                let (noun, _) = action.name.split_once('.').unwrap();
                let place = format!("{noun}: function {}", function.name);
                // Files of one noun may each have one of that name.
                let known = texts.entry(format!("{place} {}", function.text)).or_insert_with(|| Text {
                    place,
                    text: function.text.clone(),
                    own: BTreeSet::new(),
                });
                known.own.extend(own.clone());
            }
            texts.insert(place.clone(), Text { place, text: script.text.clone(), own });
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "ps1") {
            found.push(path);
        }
    }
}

fn bodies() -> Vec<Text> {
    let mut texts = BTreeMap::new();
    library().iter().for_each(|action| texts_of(action, &mut texts));
    texts.into_values().collect()
}

fn parse(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    parser.parse(text, None).unwrap()
}

fn walk<'t>(node: Node<'t>, look: &mut dyn FnMut(Node<'t>)) {
    look(node);
    for child in node.children(&mut node.walk()) {
        walk(child, look);
    }
}

/// Where the grammar does not understand a text, or lacks something in it.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    walk(parse(text).root_node(), &mut |node| {
        if node.is_error() || node.is_missing() {
            let row = node.start_position().row;
            faults.push(format!(
                "line {}: {} in `{}`",
                row + 1,
                node.kind(),
                text.lines().nth(row).unwrap_or("").trim()
            ));
        }
    });
    faults
}

/// Cmdlets whose `-Path` expands nothing, and that have no other.
const PLAIN_PATHS: &[&str] = &["Join-Path", "New-Item"];

/// What is not written here, although the grammar knows it.
fn breaches(text: &str, own: &BTreeSet<String>) -> Vec<String> {
    let own = &with_functions(text, own);
    let mut found = Vec::new();
    let mut say = |node: Node<'_>, what: String| found.push(format!("line {}: {what}", node.start_position().row + 1));
    walk(parse(text).root_node(), &mut |node| {
        let words = text.get(node.byte_range()).unwrap();
        match node.kind() {
            "pipeline_chain_tail" => say(node, format!("Windows PowerShell has no `{words}`")),
            "flow_control_statement" if words.starts_with("exit") => {
                say(node, "`exit` ends all steps of the host".to_string())
            }
            "command" => of_command(node, text, own).into_iter().for_each(|what| say(node, what)),
            _ => {}
        }
    });
    for (index, line) in text.lines().enumerate() {
        if line.ends_with('`') {
            found.push(format!("line {}: a backtick joins lines", index + 1));
        }
    }
    found
}

/// A body may have functions of its own.
fn with_functions(text: &str, own: &BTreeSet<String>) -> BTreeSet<String> {
    let mut names = own.clone();
    walk(parse(text).root_node(), &mut |node| {
        if node.kind() == "function_name" {
            names.insert(text.get(node.byte_range()).unwrap().to_string());
        }
    });
    names
}

fn of_command(command: Node<'_>, text: &str, own: &BTreeSet<String>) -> Vec<String> {
    let word = |node: Node<'_>| text.get(node.byte_range()).unwrap().to_string();
    let children = |node: Node<'_>| -> Vec<String> {
        node.named_children(&mut node.walk())
            .filter(|child| child.kind() != "command_argument_sep")
            .map(|child| format!("{}|{}", child.kind(), word(child)))
            .collect()
    };
    let named: Vec<Node<'_>> = command.named_children(&mut command.walk()).collect();
    let Some(name) = named.iter().find(|node| node.kind() == "command_name").map(|node| word(*node)) else {
        let head = named.iter().find(|node| node.kind() == "command_name_expr").map(|node| word(*node));
        let is_built = head.is_some_and(|head| head.starts_with('"'));
        return if is_built { vec!["a program's name is put together".to_string()] } else { Vec::new() };
    };
    if own.contains(&name) || name.ends_with(".exe") {
        return Vec::new();
    }
    let is_cmdlet = name.split_once('-').is_some_and(|(verb, noun)| {
        [verb, noun].iter().all(|part| part.starts_with(|letter: char| letter.is_ascii_uppercase()))
    });
    if !is_cmdlet {
        return vec![format!("`{name}` is no cmdlet by its full name")];
    }
    let elements: Vec<String> =
        named.iter().find(|node| node.kind() == "command_elements").map(|node| children(*node)).unwrap_or_default();
    let mut found = Vec::new();
    let mut after_parameter = false;
    for element in &elements {
        let (kind, words) = element.split_once('|').unwrap();
        let is_parameter = kind == "command_parameter";
        let is_splat = words.starts_with('@') && !words.starts_with("@(") && !words.starts_with("@{");
        if !is_parameter && !after_parameter && !is_splat && !kind.contains("redirection") {
            found.push(format!("`{words}` of {name} goes without the name of its parameter"));
        }
        if is_parameter && words.eq_ignore_ascii_case("-Path") && !PLAIN_PATHS.contains(&name.as_str()) {
            found.push(format!("{name} -Path expands wildcards"));
        }
        after_parameter = is_parameter;
    }
    if name == "Invoke-Expression" {
        found.push("a text becomes code".to_string());
    }
    found
}

#[test]
fn the_grammar_understands_every_text() {
    let mut texts: Vec<(String, String)> = bodies().into_iter().map(|text| (text.place, text.text)).collect();
    assert!(texts.len() > 50, "{}", texts.len());
    let mut scripts = Vec::new();
    files(&root().join("src"), &mut scripts);
    texts.extend(scripts.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())));
    let wrong: Vec<String> = texts
        .iter()
        .flat_map(|(place, text)| faults(text).into_iter().map(move |fault| format!("{place}: {fault}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_library_keeps_the_rules_of_the_house() {
    let texts = bodies();
    let wrong: Vec<String> = texts
        .iter()
        .flat_map(|text| breaches(&text.text, &text.own).into_iter().map(|breach| format!("{}: {breach}", text.place)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// They run with the rights of others.
#[test]
fn what_makes_tasks_keeps_the_rules_of_the_house() {
    let own = BTreeSet::from(["out", "code", "task_folder", "task_leave"].map(str::to_string));
    let mut scripts = Vec::new();
    files(&root().join("src/shell"), &mut scripts);
    scripts.retain(|path| path.to_string_lossy().contains("powershell_task"));
    assert_eq!(scripts.len(), 3);
    for path in scripts {
        assert_eq!(breaches(&std::fs::read_to_string(&path).unwrap(), &own), [""; 0], "{}", path.display());
    }
}

#[test]
fn what_is_broken_or_not_wanted_is_found() {
    let not_understood = [
        "if ($x { out a 1 }",
        "$x = @('a', 'b'",
        "out a 'b",
        "try { out a 1 }\nout b 2 }",
        "$x = $y ? 1 : 2",
        "$x = $y ?? 1",
        "$code = @'\nx\n  '@",
        "foreach ($x of $y) { out a $x }",
    ];
    for text in not_understood {
        assert!(!faults(text).is_empty(), "{text}");
    }
    let not_wanted = [
        ("Get-Item -Path $x", "expands wildcards"),
        ("Get-Item $x", "without the name"),
        ("$a | Where-Object { $_.b }", "without the name"),
        ("gci -LiteralPath $x", "no cmdlet"),
        ("$a | % { $_ }", "no cmdlet"),
        ("a.exe && b.exe", "has no `&&`"),
        ("if ($x) { exit 1 }", "ends all steps"),
        ("Invoke-Expression -Command $x", "becomes code"),
        ("& \"$env:SystemRoot\\a.exe\" b", "put together"),
        ("Get-Item `\n  -LiteralPath $x", "joins lines"),
    ];
    for (text, expected) in not_wanted {
        let found = breaches(text, &BTreeSet::new());
        assert!(found.iter().any(|breach| breach.contains(expected)), "{text}: {found:?}");
    }
    let right =
        "$y = Get-Item -LiteralPath $x -Force\n& $program config $name start= $type\nout a ($y.Length)\nwhoami.exe";
    assert_eq!((faults(right), breaches(right, &BTreeSet::from(["out".to_string()]))), (Vec::new(), Vec::new()));
}
