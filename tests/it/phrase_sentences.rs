//! Sentences that a `says:` template accepts. Not all of them, which grow as the product of all choices: every three
//! neighbouring parts of a phrase meet in all their combinations, since it is neighbours that can be misread (a value and
//! the optional word behind it, with or without one between), and every word and value of the phrase occurs.

use std::collections::BTreeSet;

use opsc::hir::program::Action;
use opsc::translate::templates::Part;

/// A value that fits a parameter.
type Sample<'a> = &'a dyn Fn(&str, &Action) -> &'static str;

pub(crate) fn sentences(parts: &[Part], action: &Action, sample: Sample<'_>) -> Vec<String> {
    let layers: Vec<Vec<String>> = parts.iter().map(|part| forms(part, action, sample)).collect();
    let sizes: Vec<usize> = layers.iter().map(Vec::len).collect();
    let said = |path: Vec<usize>| {
        let words = path.iter().zip(&layers).map(|(choice, forms)| forms[*choice].as_str());
        words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
    };
    covering(&sizes).into_iter().map(said).collect()
}

/// Everything that one part may be; nothing is one of it where it is optional.
fn forms(part: &Part, action: &Action, sample: Sample<'_>) -> Vec<String> {
    let of_branches =
        |branches: &[Vec<Part>]| branches.iter().flat_map(|branch| sentences(branch, action, sample)).collect();
    match part {
        Part::Word(word) => vec![word.clone()],
        Part::Slot(name) => vec![sample(name, action).to_string()],
        Part::Implied(name, _) => {
            assert!(action.params.iter().any(|param| param.name == *name), "{}: {name}", action.name);
            vec![String::new()]
        }
        Part::OneOf(branches) => of_branches(branches),
        Part::Optional(branches) => {
            let mut forms: Vec<String> = of_branches(branches);
            forms.push(String::new());
            forms
        }
    }
}

/// Choices, one of each size, so that any three neighbours have all their combinations somewhere.
fn covering(sizes: &[usize]) -> Vec<Vec<usize>> {
    let width = sizes.len().min(3);
    let mut open: BTreeSet<(usize, Vec<usize>)> = (0..=sizes.len() - width)
        .flat_map(|at| combinations(&sizes[at..at + width]).into_iter().map(move |choice| (at, choice)))
        .collect();
    let mut paths = Vec::new();
    while let Some((at, choice)) = open.first().cloned() {
        let mut path = vec![0; at];
        path.extend(&choice);
        while path.len() < sizes.len() {
            let place = path.len() + 1 - width;
            let next = (0..sizes[path.len()]).find(|next| open.contains(&(place, [&path[place..], &[*next]].concat())));
            path.push(next.unwrap_or(0));
        }
        for place in 0..=sizes.len() - width {
            open.remove(&(place, path[place..place + width].to_vec()));
        }
        paths.push(path);
    }
    paths
}

fn combinations(sizes: &[usize]) -> Vec<Vec<usize>> {
    let Some((first, rest)) = sizes.split_first() else { return vec![Vec::new()] };
    let tails = combinations(rest);
    (0..*first).flat_map(|choice| tails.iter().map(move |tail| [&[choice], tail.as_slice()].concat())).collect()
}

#[test]
fn three_neighbours_meet_in_all_combinations() {
    let sizes = [2, 3, 1, 4, 2];
    let paths = covering(&sizes);
    for at in 0..=2 {
        for wanted in combinations(&sizes[at..at + 3]) {
            assert!(paths.iter().any(|path| path[at..at + 3] == wanted), "{at}: {wanted:?}");
        }
    }
    assert!(paths.len() < 48, "{}", paths.len());
    assert_eq!((covering(&[2]).len(), covering(&[2, 2]).len(), covering(&[]).len()), (2, 4, 1));
}
