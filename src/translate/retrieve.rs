//! Which actions a request may be about: BM25 over names, docs, phrases and parameters. Pure.

use std::collections::BTreeMap;

use crate::hir::program::Action;

/// The usual constants: how fast repeated words count less, and how much long texts are held against them.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// The best actions first; those that share no word with the request come last, by name.
pub fn best_actions<'a>(request: &str, actions: &[&'a Action], most: usize) -> Vec<&'a Action> {
    let texts: Vec<BTreeMap<String, f64>> = actions.iter().map(|action| counts(&text_of(action))).collect();
    let lengths: Vec<f64> = texts.iter().map(|text| text.values().sum()).collect();
    let average = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
    let wanted = counts(request);
    let mut scored: Vec<(f64, &Action)> = Vec::new();
    for ((action, text), length) in actions.iter().zip(&texts).zip(&lengths) {
        let score = wanted.keys().map(|word| {
            let holders = texts.iter().filter(|text| text.contains_key(word)).count() as f64;
            let rarity = (1.0 + (texts.len() as f64 - holders + 0.5) / (holders + 0.5)).ln();
            let found = text.get(word).copied().unwrap_or(0.0);
            let norm = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length / average);
            rarity * found * (SATURATION + 1.0) / (found + norm)
        });
        scored.push((score.sum(), action));
    }
    scored.sort_by(|(left, a), (right, b)| right.total_cmp(left).then_with(|| a.name.cmp(&b.name)));
    scored.into_iter().take(most).map(|(_, action)| action).collect()
}

fn text_of(action: &Action) -> String {
    let params: Vec<&str> = action.params.iter().map(|param| param.name.as_str()).collect();
    format!("{} {} {} {}", action.name, action.doc, action.says.join(" "), params.join(" "))
}

fn counts(text: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1.0;
    }
    counts
}
