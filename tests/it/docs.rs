//! The documents keep their promises: programs compile, commands say what is told, links and codes exist, and the
//! reference mentions every word of the language. `OPSC_UPDATE=1` writes `docs/actions.md` anew.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opsc::app::project::Project as Place;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::check::vocabulary;
use opsc::cli::explain::codes;
use opsc::eval::Evaluated;
use opsc::eval::kinds::kind_of_step;
use opsc::hir::effect::{Level, Row};
use opsc::hir::expr::ExprKind;
use opsc::hir::program::{Action, ActionBody, Param};
use opsc::plan::expression_text::expression_text;

use super::console::{Block, blocks, commands, is_as_told, own, run};
use super::project::Project;
use super::unproven::not_tried;

const GRAMMAR: &str = include_str!("../../grammar/opsc.pest");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Path from the root, and text, of every document for users.
fn documents() -> Vec<(String, String)> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    names.push("README.md".to_string());
    names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(root().join(&name)).unwrap())).collect()
}

/// A part of a program as a whole file: items, statements of a playbook, or steps on a host.
fn whole(tag: &str, text: &str) -> Option<String> {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let playbook = |body: &str| {
        format!(
            "ops 1\n\nplaybook part(web: hosts<linux> = group(\"web\")) ! destroy, admin, network, exec {{\n{body}}}\n"
        )
    };
    match tag {
        "ops" => Some(text.to_string()),
        "ops items" => Some(format!("ops 1\n\n{text}")),
        "ops statements" => Some(playbook(&indented)),
        "ops steps" => Some(playbook(&format!("  on web {{\n{indented}  }}\n"))),
        _ => None,
    }
}

/// Checks a program in the document's project; a whole one has no warnings either, and is in canonical form.
fn check_program(block: &Block, project: &Project) -> Result<(), String> {
    let text = whole(&block.tag, &block.text).ok_or_else(|| format!("unknown tag `{}`", block.tag))?;
    let name = block.mark("file").unwrap_or("block.ops");
    let put = |text: &str| project.write(&format!("work/{name}"), text);
    // In its form before folders are replaced, since the length of a line decides how it is broken.
    put(&text);
    let difference = run(&format!("opsc fmt --diff {name}"), project);
    put(&own(&text, project));
    let (code, said) = run(&format!("opsc check {name}"), project);
    match difference {
        _ if code != 0 => Err(said),
        _ if block.tag != "ops" => Ok(()),
        (0, _) if said.contains(" 0 warnings") => Ok(()),
        (0, _) => Err(said),
        (_, difference) => Err(difference),
    }
}

/// Runs the commands of a console block; only the last may end otherwise than with 0, as its mark says.
fn check_console(block: &Block, project: &Project) -> Result<(), String> {
    if let Some(reason) = block.mark("illustration") {
        return if reason.is_empty() { Err("an illustration says why it is one".to_string()) } else { Ok(()) };
    }
    let exit: i32 = block.mark("exit").map_or(0, |code| code.parse().unwrap());
    let told = commands(&block.text);
    for (index, (command, expected)) in told.iter().enumerate() {
        let wanted = if index + 1 == told.len() { exit } else { 0 };
        let (code, shown) = run(command, project);
        if code != wanted || !is_as_told(&own(expected, project), &shown) {
            return Err(format!("$ {command}\n(exit {code}, told {wanted})\n{shown}"));
        }
    }
    Ok(())
}

fn check_block(block: &Block, project: &Project) -> Result<(), String> {
    if block.tag.starts_with("ops") {
        return check_program(block, project);
    }
    if block.tag == "console" {
        return check_console(block, project);
    }
    if let Some(name) = block.mark("file") {
        project.write(&format!("work/{name}"), &own(&block.text, project));
    }
    Ok(())
}

#[test]
fn every_program_compiles_and_every_command_says_what_is_told() {
    let mut wrong = Vec::new();
    for (name, document) in documents().iter().filter(|(name, _)| name.starts_with("docs/")) {
        let project = Project::new();
        // The project is the folder that the commands run in.
        std::fs::remove_file(project.path("opsc.toml")).unwrap();
        for block in blocks(document) {
            if let Err(found) = check_block(&block, &project) {
                wrong.push(format!("{name}:{}\n{found}", block.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_programs_of_the_readme_compile() {
    let (_, readme) = documents().pop().unwrap();
    let project = Project::new();
    std::fs::remove_file(project.path("opsc.toml")).unwrap();
    project.write("work/app.conf", "");
    let all = blocks(&readme);
    let inventory = all.iter().find(|block| block.tag == "yaml").unwrap();
    project.write("work/inventory.yaml", &inventory.text);
    let programs: Vec<&Block> = all.iter().filter(|block| block.tag.starts_with("ops")).collect();
    assert!(programs.len() >= 2);
    for block in programs {
        assert_eq!(check_program(block, &project), Ok(()), "README.md:{}", block.line);
    }
}

/// The targets of `[text](target)` outside of blocks.
fn links(document: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in document.lines() {
        inside ^= line.starts_with("```");
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.filter(|_| !inside).map(|(target, _)| target.to_string()));
    }
    found
}

/// As GitHub makes them of headings.
fn anchors(document: &str) -> BTreeSet<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let letters = |text: String| -> String {
        let kept = text.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    document.lines().filter_map(heading).map(letters).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let all = documents();
    for (name, document) in &all {
        for link in links(document).iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(name).parent().unwrap();
            let target = if path.is_empty() { root().join(name) } else { root().join(folder).join(path) };
            let text = if target.is_dir() { Some(String::new()) } else { std::fs::read_to_string(&target).ok() };
            if !text.is_some_and(|text| anchor.is_empty() || anchors(&text).contains(anchor)) {
                wrong.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let linked: Vec<String> = links(&all.last().unwrap().1);
    for (name, _) in all.iter().filter(|(name, _)| name.starts_with("docs/")) {
        assert!(linked.contains(name), "the README does not lead to {name}");
    }
}

#[test]
fn every_code_exists() {
    let known: BTreeSet<&str> = codes().map(|doc| doc.code).collect();
    let is_code = |word: &str| {
        word.len() == 5 && word.starts_with(['E', 'W']) && word.chars().skip(1).all(|digit| digit.is_ascii_digit())
    };
    let mut wrong = Vec::new();
    for (name, document) in documents() {
        let words = document.split(|letter: char| !letter.is_ascii_alphanumeric());
        wrong.extend(words.filter(|word| is_code(word) && !known.contains(word)).map(|word| format!("{name}: {word}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The words that a document sets as code, in spans and in blocks of programs.
fn code_words(document: &str) -> BTreeSet<String> {
    let mut texts: Vec<String> = blocks(document).into_iter().map(|block| block.text).collect();
    let mut inside = false;
    for line in document.lines() {
        inside ^= line.starts_with("```");
        if !inside {
            texts.extend(line.split('`').skip(1).step_by(2).map(str::to_string));
        }
    }
    let words = |text: &String| -> Vec<String> {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').map(str::to_string).collect()
    };
    texts.iter().flat_map(words).collect()
}

/// `kw_failure` → `failure`, from the grammar itself.
fn keywords() -> Vec<&'static str> {
    let named = GRAMMAR.lines().filter_map(|line| line.strip_prefix("kw_")?.split_whitespace().next());
    named.collect()
}

#[test]
fn the_reference_mentions_every_word_of_the_language() {
    let reference = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    let mentioned = code_words(&reference);
    let keywords = keywords();
    assert!(keywords.len() > 25, "{keywords:?}");
    let mut kinds = vocabulary::words();
    kinds.push(vocabulary::Words { what: "keywords", words: keywords });
    kinds.push(vocabulary::Words { what: "options of `repeat`", words: vec!["times", "until"] });
    kinds.push(vocabulary::Words { what: "other functions", words: vec!["load", "declassify", "contains"] });
    let mut missing = Vec::new();
    for kind in &kinds {
        assert!(!kind.words.is_empty(), "{}", kind.what);
        let absent = kind.words.iter().filter(|word| !mentioned.contains(**word));
        missing.extend(absent.map(|word| format!("{}: {word}", kind.what)));
    }
    assert!(missing.is_empty(), "docs/language.md does not mention\n{}", missing.join("\n"));
}

/// The actions of the standard library, as `opsc actions` lists them.
pub(crate) fn library() -> Vec<Action> {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { root: folder.path().to_path_buf(), found: false, state: PathBuf::new() };
    let (program, diagnostics) = Workspace::open(place, Settings::default(), &[]).unwrap().catalogue();
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut actions: Vec<Action> = program.actions.values().map(|action| action.as_ref().clone()).collect();
    actions.sort_by(|left, right| left.name.cmp(&right.name));
    actions
}

/// What a step is whose arguments are the defaults, where that differs from what it can be.
fn kinds(action: &Action, row: Row) -> String {
    let argument = |param: &Param| match param.default.as_ref().map(|default| &default.kind) {
        Some(ExprKind::Literal(value)) => Evaluated::Known(value.clone()),
        _ => Evaluated::Pending(param.name.clone()),
    };
    let arguments: Vec<Evaluated> = action.params.iter().map(argument).collect();
    let (plain, most) = (kind_of_step(action, row, &arguments), action.kind(row));
    if plain == most {
        most.name().to_string()
    } else {
        format!("{}, or {} by its arguments", plain.name(), most.name())
    }
}

/// One row of the table. Where an argument gives the level, kind and way back are those of a step that changes.
fn row(action: &Action) -> String {
    let parameter = action.effect_param.map(|index| format!("`{}:`", action.params[index].name));
    let mut words: Vec<String> = action.row.names().iter().map(|word| format!("`{word}`")).collect();
    if let Some(parameter) = &parameter {
        words.insert(0, parameter.clone());
    }
    let level = if parameter.is_some() { Level::Change } else { action.row.level };
    let made_of_steps = matches!(action.body, ActionBody::Steps { .. });
    let way_back = match (level, action.has_rollback(), &action.reversible) {
        _ if made_of_steps => "as its steps".to_string(),
        (Level::Read, _, _) => "nothing to undo".to_string(),
        (_, false, _) => "no".to_string(),
        (_, true, None) => "yes".to_string(),
        (_, true, Some(condition)) => format!("where `{}`", expression_text(condition, &action.bindings)),
    };
    let kind = if made_of_steps { "that of its steps".to_string() } else { kinds(action, Row { level, ..action.row }) };
    let doc = format!("{}{}", action.doc, not_tried(action)).replace('|', "\\|");
    format!("| `{}` | {} | {kind} | {way_back} | {doc} |\n", action.name, words.join(", "))
}

fn actions_document() -> String {
    let mut text = String::from(
        "# Actions\n\n\
         What opsc brings along, made from `stdlib/` by `OPSC_UPDATE=1 cargo test --test it docs`. `opsc actions NAME` shows\n\
         an action's parameters, result, timeout and an example. Kinds and effects are explained in the\n\
         [reference](language.md#effects-and-kinds).\n\n\
         | action | effects | kind | can be undone | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    text.extend(library().iter().map(row));
    text
}

#[test]
fn the_table_of_actions_is_current() {
    let path = root().join("docs/actions.md");
    let wanted = actions_document();
    if std::env::var_os("OPSC_UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "docs/actions.md is behind stdlib/: OPSC_UPDATE=1 cargo test --test it docs");
}
