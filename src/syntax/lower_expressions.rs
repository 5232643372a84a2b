//! Pest pairs → expressions, strings and scripts of the tree.

use std::sync::LazyLock;

use pest::iterators::{Pair, Pairs};
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::ast::*;
use super::errors::SyntaxError;
use super::grammar::Rule;
use super::lower::{Children, Lowerer};
use super::strings::{dedent_pieces, dedent_placed};
use crate::base::source::Span;

/// From loosest to tightest. Comparisons are refused in chains below, since pest has no non-associative operators.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::kw_where))
        .op(left(Rule::kw_or))
        .op(left(Rule::kw_and))
        .op(Op::prefix(Rule::kw_not))
        .op(left(Rule::op_equal)
            | left(Rule::op_not_equal)
            | left(Rule::op_less)
            | left(Rule::op_less_equal)
            | left(Rule::op_greater)
            | left(Rule::op_greater_equal)
            | left(Rule::kw_in))
        .op(left(Rule::op_default))
        .op(left(Rule::op_add) | left(Rule::op_subtract) | left(Rule::op_intersect))
        .op(left(Rule::op_multiply) | left(Rule::op_divide))
        .op(Op::prefix(Rule::minus))
        .op(Op::postfix(Rule::field) | Op::postfix(Rule::index) | Op::postfix(Rule::method))
});

/// What the Pratt parser hands over before errors are taken out of the shared lowerer.
type Lowered = Option<Expr>;

impl Lowerer<'_> {
    pub(super) fn lower_expr(&mut self, pair: Pair<'_, Rule>) -> Lowered {
        self.lower_operands(pair.into_inner())
    }

    fn lower_operands(&mut self, pairs: Pairs<'_, Rule>) -> Lowered {
        // The four closures need the lowerer in turn, never at once.
        let lowerer = std::cell::RefCell::new(self);
        PRATT
            .map_primary(|primary| lowerer.borrow_mut().lower_primary(primary))
            .map_prefix(|operator, operand| lowerer.borrow_mut().lower_prefix(&operator, operand?))
            .map_postfix(|base, postfix| lowerer.borrow_mut().lower_postfix(base?, postfix))
            .map_infix(|left, operator, right| lowerer.borrow_mut().lower_infix(left?, &operator, right?))
            .parse(pairs)
    }

    fn lower_prefix(&mut self, operator: &Pair<'_, Rule>, operand: Expr) -> Lowered {
        let span = self.span(operator).to(operand.span);
        let operator = if operator.as_rule() == Rule::kw_not { UnaryOperator::Not } else { UnaryOperator::Negate };
        Some(Expr { kind: ExprKind::Unary { operator, operand: Box::new(operand) }, span })
    }

    fn lower_postfix(&mut self, base: Expr, pair: Pair<'_, Rule>) -> Lowered {
        let span = base.span.to(self.span(&pair));
        let base = Box::new(base);
        let kind = match pair.as_rule() {
            Rule::field => ExprKind::Field { base, field: self.lower_name(&pair.into_inner().next()?) },
            Rule::index => ExprKind::Index { base, index: Box::new(self.lower_expr(pair.into_inner().next()?)?) },
            _ => {
                let mut children = Children::new(pair);
                let method = self.lower_name(&children.next()?.into_inner().next()?);
                ExprKind::MethodCall { base, method, args: self.lower_args(&mut children) }
            }
        };
        Some(Expr { kind, span })
    }

    fn lower_infix(&mut self, left: Expr, pair: &Pair<'_, Rule>, right: Expr) -> Lowered {
        let span = left.span.to(right.span);
        if pair.as_rule() == Rule::kw_where {
            let kind = ExprKind::Where { hosts: Box::new(left), condition: Box::new(right) };
            return Some(Expr { kind, span });
        }
        let operator = binary_operator(pair.as_rule());
        let operator_span = self.span(pair);
        let is_chained = matches!(&left.kind, ExprKind::Binary { operator, .. } if is_comparison(*operator));
        if is_comparison(operator) && is_chained {
            self.errors.push(SyntaxError::ChainedComparison { span: operator_span });
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Some(Expr { kind: ExprKind::Binary { operator, operator_span, left, right }, span })
    }

    fn lower_args(&mut self, children: &mut Children<'_>) -> Vec<Arg> {
        let mut args = Vec::new();
        while let Some(arg) = children.take(Rule::arg) {
            args.extend(self.lower_arg(arg));
        }
        args
    }

    fn lower_primary(&mut self, pair: Pair<'_, Rule>) -> Lowered {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::constant => match pair.as_str() {
                "true" => ExprKind::Bool(true),
                "false" => ExprKind::Bool(false),
                _ => ExprKind::None,
            },
            Rule::raw_string | Rule::quoted | Rule::text_block => ExprKind::String(self.lower_string(pair)),
            Rule::script => ExprKind::Script(self.lower_script(pair)?),
            Rule::list => ExprKind::List(pair.into_inner().filter_map(|item| self.lower_expr(item)).collect()),
            Rule::map => ExprKind::Map(pair.into_inner().filter_map(|entry| self.lower_map_entry(entry)).collect()),
            Rule::parenthesized => ExprKind::Parenthesized(Box::new(self.lower_expr(pair.into_inner().next()?)?)),
            Rule::call => {
                let mut children = Children::new(pair);
                let function = self.lower_name(&children.next()?.into_inner().next()?);
                ExprKind::Call { function, args: self.lower_args(&mut children) }
            }
            Rule::name => ExprKind::Name(self.lower_name(&pair)),
            _ => return self.lower_number(pair),
        };
        Some(Expr { kind, span })
    }

    fn lower_map_entry(&mut self, pair: Pair<'_, Rule>) -> Option<MapEntry> {
        let mut children = Children::new(pair);
        let key = children.next()?;
        let key = match key.as_rule() {
            Rule::label => MapKey::Label(self.lower_name(&key)),
            _ => MapKey::String(self.lower_string(key)),
        };
        Some(MapEntry { key, value: self.lower_expr(children.next()?)? })
    }

    pub(super) fn lower_number(&mut self, pair: Pair<'_, Rule>) -> Lowered {
        let span = self.span(&pair);
        let text = pair.as_str();
        let plain = text.replace('_', "");
        let kind = match pair.as_rule() {
            Rule::integer => plain.parse().ok().map(ExprKind::Int),
            Rule::float => plain.parse().ok().map(ExprKind::Float),
            Rule::percent => plain.trim_end_matches('%').parse().ok().map(ExprKind::Percent),
            Rule::duration => units(&plain, &DURATIONS).map(ExprKind::Duration),
            Rule::size => units(&plain, &SIZES).map(ExprKind::Size),
            _ => {
                self.errors.push(SyntaxError::BadNumber { text: text.to_string(), span });
                Some(ExprKind::None)
            }
        };
        let kind = kind.or_else(|| self.too_large(text, span))?;
        Some(Expr { kind, span })
    }

    // Strings and scripts

    pub(super) fn lower_string(&mut self, pair: Pair<'_, Rule>) -> StringLiteral {
        let span = self.span(&pair);
        let style = match pair.as_rule() {
            Rule::raw_string => StringStyle::Raw,
            Rule::text_block => StringStyle::Block,
            _ => StringStyle::Quoted,
        };
        let mut pieces: Vec<StringPiece> = Vec::new();
        for child in pair.into_inner() {
            match child.as_rule() {
                Rule::raw_text | Rule::quoted_run | Rule::block_run => push_text(&mut pieces, child.as_str()),
                Rule::escape => {
                    let escaped = self.lower_escape(&child);
                    push_text(&mut pieces, &escaped);
                }
                _ => pieces.extend(self.lower_hole(child).map(StringPiece::Hole)),
            }
        }
        if style == StringStyle::Block {
            pieces = dedent_pieces(pieces);
        }
        StringLiteral { style, pieces, span }
    }

    fn lower_escape(&mut self, pair: &Pair<'_, Rule>) -> String {
        let escape = pair.as_str();
        match escape {
            "\\n" => "\n".to_string(),
            "\\t" => "\t".to_string(),
            "\\r" => "\r".to_string(),
            "\\\"" | "\\\\" | "\\{" | "\\}" => {
                escape.trim_start_matches('\\').chars().next().unwrap_or('\\').to_string()
            }
            _ => {
                let span = self.span(pair);
                self.errors.push(SyntaxError::BadEscape { escape: escape.to_string(), span });
                String::new()
            }
        }
    }

    fn lower_hole(&mut self, pair: Pair<'_, Rule>) -> Lowered {
        let inner = pair.into_inner().next()?;
        if inner.as_rule() == Rule::bad_hole {
            let span = self.span(&inner);
            self.errors.push(SyntaxError::BadHole { text: inner.as_str().to_string(), span });
            return None;
        }
        self.lower_hole_path(inner)
    }

    fn lower_hole_path(&mut self, pair: Pair<'_, Rule>) -> Lowered {
        let mut children = Children::new(pair);
        let name = self.lower_name(&children.next()?);
        let mut path = Expr { span: name.span, kind: ExprKind::Name(name) };
        while let Some(part) = children.next() {
            let span = path.span.to(self.span(&part));
            let base = Box::new(path);
            let is_field = part.as_rule() == Rule::field;
            let inner = part.into_inner().next()?;
            let kind = if is_field {
                ExprKind::Field { base, field: self.lower_name(&inner) }
            } else {
                let index = match inner.as_rule() {
                    Rule::hole_inner => self.lower_hole_path(inner)?,
                    _ => self.lower_primary(inner)?,
                };
                ExprKind::Index { base, index: Box::new(index) }
            };
            path = Expr { kind, span };
        }
        Some(path)
    }

    pub(super) fn lower_script(&mut self, pair: Pair<'_, Rule>) -> Option<Script> {
        let span = self.span(&pair);
        let mut children = Children::new(pair);
        let language = match children.next()?.as_str() {
            "powershell" => ScriptLanguage::Powershell,
            _ => ScriptLanguage::Sh,
        };
        let body = children.next()?;
        let block = body.as_rule() == Rule::script_block;
        let inner = body.into_inner().next()?;
        let (raw, start) = (inner.as_str(), inner.as_span().start());
        let (text, mut places) = if block { dedent_placed(raw) } else { unescape_script(raw) };
        places.iter_mut().for_each(|(_, at)| *at += start);
        Some(Script { language, text, places, block, span: Span { end: span.end, ..span } })
    }
}

/// In a script of one line only `\"` and `\\` are escapes: other backslashes are the script's own.
fn unescape_script(raw: &str) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut places = vec![(0, 0)];
    let mut letters = raw.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\'
            && let Some((_, escaped)) = letters.next_if(|(_, next)| matches!(next, '"' | '\\'))
        {
            places.push((text.len(), at + 1));
            text.push(escaped);
        } else {
            text.push(letter);
        }
    }
    (text, places)
}

fn push_text(pieces: &mut Vec<StringPiece>, more: &str) {
    match pieces.last_mut() {
        Some(StringPiece::Text(text)) => text.push_str(more),
        _ => pieces.push(StringPiece::Text(more.to_string())),
    }
}

const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// `1h30m` → a number of the smallest unit; none where it is too large.
fn units(text: &str, known: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at_checked(rest.find(|letter: char| !letter.is_ascii_digit())?)?;
        let (unit, next) =
            tail.split_at_checked(tail.find(|letter: char| letter.is_ascii_digit()).unwrap_or(tail.len()))?;
        let size = known.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
        rest = next;
    }
    Some(total)
}

fn is_comparison(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual
            | BinaryOperator::In
    )
}

fn binary_operator(rule: Rule) -> BinaryOperator {
    match rule {
        Rule::kw_or => BinaryOperator::Or,
        Rule::kw_and => BinaryOperator::And,
        Rule::op_equal => BinaryOperator::Equal,
        Rule::op_not_equal => BinaryOperator::NotEqual,
        Rule::op_less => BinaryOperator::Less,
        Rule::op_less_equal => BinaryOperator::LessEqual,
        Rule::op_greater => BinaryOperator::Greater,
        Rule::op_greater_equal => BinaryOperator::GreaterEqual,
        Rule::kw_in => BinaryOperator::In,
        Rule::op_default => BinaryOperator::Default,
        Rule::op_add => BinaryOperator::Add,
        Rule::op_subtract => BinaryOperator::Subtract,
        Rule::op_intersect => BinaryOperator::Intersect,
        Rule::op_multiply => BinaryOperator::Multiply,
        _ => BinaryOperator::Divide,
    }
}
