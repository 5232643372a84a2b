//! What a model said → a program's text, or questions. Models think aloud, wrap in fences and add prose; none of that
//! is the program. Knows nothing of how the answer came.

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Program(String),
    Questions(Vec<String>),
}

/// Finds the program in a text. Where there is none, all of it is one, and the compiler will say what is wrong with it.
pub fn read_answer(said: &str) -> Answer {
    let spoken = without_thoughts(said);
    let program = fenced(spoken).or_else(|| from_first_line(spoken));
    if let Some(program) = program {
        return Answer::Program(program);
    }
    let questions: Vec<String> = spoken.lines().filter_map(question).collect();
    if questions.is_empty() { Answer::Program(spoken.trim().to_string()) } else { Answer::Questions(questions) }
}

/// What follows the last thought.
fn without_thoughts(said: &str) -> &str {
    const END: &str = "</think>";
    said.rfind(END).and_then(|at| said.get(at + END.len()..)).unwrap_or(said)
}

/// The first fenced block that starts as a program does, or the first of all.
fn fenced(said: &str) -> Option<String> {
    let blocks: Vec<String> = said.split("```").skip(1).step_by(2).map(without_language).collect();
    blocks.iter().find(|block| is_program(block)).or(blocks.first()).cloned()
}

/// A fence may name its language.
fn without_language(block: &str) -> String {
    let (first, rest) = block.split_once('\n').unwrap_or(("", block));
    let names_language = !first.trim().contains(' ');
    format!("{}\n", if names_language { rest } else { block }.trim())
}

fn from_first_line(said: &str) -> Option<String> {
    let start = said.lines().position(is_program)?;
    let lines: Vec<&str> = said.lines().skip(start).collect();
    Some(format!("{}\n", lines.join("\n").trim_end()))
}

fn is_program(text: &str) -> bool {
    text.trim_start().starts_with("ops 1")
}

fn question(line: &str) -> Option<String> {
    let asked = line.trim().trim_start_matches(['-', '*', ' ']).strip_prefix("ask:")?.trim();
    (!asked.is_empty()).then(|| asked.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(said: &str) -> String {
        match read_answer(said) {
            Answer::Program(text) => text,
            Answer::Questions(asked) => panic!("{asked:?}"),
        }
    }

    #[test]
    fn a_program_is_found_in_what_surrounds_it() {
        let plain = "ops 1\n\nplaybook a() ! read {\n}\n";
        assert_eq!(program(plain), plain);
        assert_eq!(program(&format!("Sure! Here it is:\n\n```ops\n{plain}```\nHope this helps.")), plain);
        assert_eq!(program(&format!("```\n{plain}```")), plain);
        assert_eq!(program(&format!("<think>ops 1? no\n```sh\nrm\n```</think>\n{plain}")), plain);
        assert_eq!(program(&format!("Here you go:\n{plain}")), plain);
        assert_eq!(program(&format!("First\n```sh\nls\n```\nthen\n```ops\n{plain}```")), plain);
        assert_eq!(program("I cannot do that."), "I cannot do that.");
    }

    #[test]
    fn questions_are_questions() {
        let asked = |said: &str| match read_answer(said) {
            Answer::Questions(asked) => asked,
            Answer::Program(text) => panic!("{text}"),
        };
        assert_eq!(asked("ask: which url?\n"), ["which url?"]);
        assert_eq!(asked("<think>hm</think>- ask: which url?\nask: which hosts?"), ["which url?", "which hosts?"]);
    }
}
