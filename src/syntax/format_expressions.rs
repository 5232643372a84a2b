//! Expressions, strings, scripts and types as canonical text: on one line where they fit, else broken at their commas.

use super::ast::*;
use super::format::{Printer, WIDTH};
use crate::base::source::Span;
use crate::base::words;

impl Printer<'_> {
    /// An expression from the current column on.
    pub(super) fn expr(&mut self, expr: &Expr) {
        let flat = self.flat_expr(expr);
        let fits = !flat.contains('\n') && self.column() + flat.chars().count() <= WIDTH;
        let commented = self.has_comment_in(expr.span.start, expr.span.end);
        if fits && !commented {
            self.out.push_str(&flat);
            return;
        }
        match &expr.kind {
            ExprKind::List(items) if !items.is_empty() => {
                self.broken('[', ']', items, expr.span, |printer, item| printer.expr(item), |item| item.span);
            }
            ExprKind::Map(entries) if !entries.is_empty() => {
                self.broken('{', '}', entries, expr.span, Printer::map_entry, |entry| entry.value.span);
            }
            ExprKind::Call { function, args } if !args.is_empty() => {
                self.out.push_str(&function.text);
                self.arguments(args, Span { start: function.span.end, ..expr.span });
            }
            ExprKind::Binary { operator, left, right, .. } => {
                self.expr(left);
                self.out.push_str(&format!(" {} ", operator.symbol()));
                self.expr(right);
            }
            ExprKind::Where { hosts, condition } => {
                self.expr(hosts);
                self.out.push_str(" where ");
                self.expr(condition);
            }
            ExprKind::Parenthesized(inner) => {
                self.out.push('(');
                self.expr(inner);
                self.out.push(')');
            }
            ExprKind::MethodCall { base, method, args } => {
                self.expr(base);
                self.out.push_str(&format!(".{}", method.text));
                self.arguments(args, Span { start: method.span.end, ..expr.span });
            }
            ExprKind::Field { base, field } => {
                self.expr(base);
                self.out.push_str(&format!(".{}", field.text));
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.out.push('[');
                self.expr(index);
                self.out.push(']');
            }
            ExprKind::Unary { operator, operand } => {
                self.out.push_str(match operator {
                    UnaryOperator::Not => "not ",
                    UnaryOperator::Negate => "-",
                });
                self.expr(operand);
            }
            ExprKind::String(text) if text.style == StringStyle::Block => self.text_block(text),
            ExprKind::Script(script) if script.block => self.script_block(script, ""),
            _ => self.out.push_str(&flat),
        }
    }

    fn map_entry(&mut self, entry: &MapEntry) {
        self.out.push_str(&map_key(&entry.key));
        self.out.push_str(": ");
        self.expr(&entry.value);
    }

    /// Arguments in parentheses, on one line or one per line.
    pub(super) fn arguments(&mut self, args: &[Arg], span: Span) {
        let flat: Vec<String> = args.iter().map(|arg| self.flat_arg(arg)).collect();
        let flat = format!("({})", flat.join(", "));
        // Room for ` {` of a block that follows.
        let fits = !flat.contains('\n') && self.column() + flat.chars().count() + 2 <= WIDTH;
        if args.is_empty() || (fits && !self.has_comment_in(span.start, span.end)) {
            self.out.push_str(&flat);
            return;
        }
        self.broken('(', ')', args, span, Printer::argument, |arg| match arg {
            Arg::Positional(expr) => expr.span,
            Arg::Named(named) => named.span,
        });
    }

    fn argument(&mut self, arg: &Arg) {
        match arg {
            Arg::Positional(expr) => self.expr(expr),
            Arg::Named(named) => {
                self.out.push_str(&format!("{}: ", named.label.text));
                self.expr(&named.value);
            }
        }
    }

    fn broken<T>(
        &mut self,
        open: char,
        close: char,
        items: &[T],
        span: Span,
        write: fn(&mut Self, &T),
        place: fn(&T) -> Span,
    ) {
        self.out.push(open);
        self.out.push('\n');
        self.indent += 1;
        for item in items {
            let place = place(item);
            self.comments_before(place.start);
            self.out.push_str(&self.margin());
            write(self, item);
            self.out.push_str(",\n");
            self.trailing_comment(place.end + 1);
        }
        self.comments_before(span.end.saturating_sub(1));
        self.indent -= 1;
        self.out.push_str(&self.margin());
        self.out.push(close);
    }

    fn flat_arg(&self, arg: &Arg) -> String {
        match arg {
            Arg::Positional(expr) => self.flat_expr(expr),
            Arg::Named(named) => format!("{}: {}", named.label.text, self.flat_expr(&named.value)),
        }
    }

    /// On one line; holds a line break only where the expression cannot be on one line.
    pub(super) fn flat_expr(&self, expr: &Expr) -> String {
        let flat_list = |items: &[Expr]| items.iter().map(|item| self.flat_expr(item)).collect::<Vec<_>>().join(", ");
        match &expr.kind {
            ExprKind::None => "none".to_string(),
            ExprKind::Bool(value) => value.to_string(),
            // `60s` and `1m` are the same; which one reads better is the author's choice.
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Duration(_)
            | ExprKind::Size(_)
            | ExprKind::Percent(_) => self.written(expr.span).to_string(),
            ExprKind::String(text) if text.style == StringStyle::Block => "\n".to_string(),
            ExprKind::String(text) => string_literal(text),
            ExprKind::Script(script) if script.block => "\n".to_string(),
            ExprKind::Script(script) => script_line(script),
            ExprKind::Name(name) => name.text.clone(),
            ExprKind::List(items) => format!("[{}]", flat_list(items)),
            ExprKind::Map(entries) if entries.is_empty() => "{}".to_string(),
            ExprKind::Map(entries) => {
                let entry = |entry: &MapEntry| format!("{}: {}", map_key(&entry.key), self.flat_expr(&entry.value));
                format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            ExprKind::Call { function, args } => format!("{}({})", function.text, self.flat_args(args)),
            ExprKind::MethodCall { base, method, args } => {
                format!("{}.{}({})", self.flat_expr(base), method.text, self.flat_args(args))
            }
            ExprKind::Field { base, field } => format!("{}.{}", self.flat_expr(base), field.text),
            ExprKind::Index { base, index } => format!("{}[{}]", self.flat_expr(base), self.flat_expr(index)),
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => format!("not {}", self.flat_expr(operand)),
            ExprKind::Unary { operator: UnaryOperator::Negate, operand } => format!("-{}", self.flat_expr(operand)),
            ExprKind::Binary { operator, left, right, .. } => {
                format!("{} {} {}", self.flat_expr(left), operator.symbol(), self.flat_expr(right))
            }
            ExprKind::Where { hosts, condition } => {
                format!("{} where {}", self.flat_expr(hosts), self.flat_expr(condition))
            }
            ExprKind::Parenthesized(inner) => format!("({})", self.flat_expr(inner)),
        }
    }

    fn flat_args(&self, args: &[Arg]) -> String {
        args.iter().map(|arg| self.flat_arg(arg)).collect::<Vec<_>>().join(", ")
    }

    fn text_block(&mut self, text: &StringLiteral) {
        let escape =
            |part: &str| part.replace('\\', "\\\\").replace('{', "\\{").replace('"', "\\\"").replace('\r', "\\r");
        let joined: String = text
            .pieces
            .iter()
            .map(|piece| match piece {
                StringPiece::Text(part) => escape(part),
                StringPiece::Hole(hole) => format!("{{{}}}", flat_path(hole)),
            })
            .collect();
        self.indented_block(&joined);
    }

    /// `sh """` and its lines. `gap` stands between language and quotes: a space in a phase, nothing in an expression.
    pub(super) fn script_block(&mut self, script: &Script, gap: &str) {
        self.out.push_str(script.language.name());
        self.out.push_str(gap);
        self.indented_block(&script.text);
    }

    fn indented_block(&mut self, text: &str) {
        self.out.push_str("\"\"\"\n");
        self.indent += 1;
        // Not `lines()`, for which an empty line at the end is none.
        for line in text.split('\n').skip_while(|_| text.is_empty()) {
            if !line.is_empty() {
                self.out.push_str(&self.margin());
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        self.indent -= 1;
        self.out.push_str(&self.margin());
        self.out.push_str("\"\"\"");
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Label(name) => name.text.clone(),
        MapKey::String(text) => string_literal(text),
    }
}

fn script_line(script: &Script) -> String {
    let text = script.text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{}\"{text}\"", script.language.name())
}

/// A path in a hole: names, fields and indices only.
fn flat_path(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Name(name) => name.text.clone(),
        ExprKind::Field { base, field } => format!("{}.{}", flat_path(base), field.text),
        ExprKind::Index { base, index } => format!("{}[{}]", flat_path(base), flat_path(index)),
        ExprKind::String(text) => string_literal(text),
        ExprKind::Int(value) => value.to_string(),
        _ => String::new(),
    }
}

pub(super) fn string_literal(text: &StringLiteral) -> String {
    if text.style == StringStyle::Raw {
        return format!("'{}'", text.constant().unwrap_or_default());
    }
    let escape = |part: &str| {
        part.chars()
            .flat_map(|letter| match letter {
                '"' => vec!['\\', '"'],
                '\\' => vec!['\\', '\\'],
                '{' => vec!['\\', '{'],
                '\n' => vec!['\\', 'n'],
                '\t' => vec!['\\', 't'],
                '\r' => vec!['\\', 'r'],
                other => vec![other],
            })
            .collect::<String>()
    };
    let pieces: String = text
        .pieces
        .iter()
        .map(|piece| match piece {
            StringPiece::Text(part) => escape(part),
            StringPiece::Hole(hole) => format!("{{{}}}", flat_path(hole)),
        })
        .collect();
    format!("\"{pieces}\"")
}

/// A type on one line.
pub(super) fn flat_type(ty: &Type) -> String {
    let list = |types: &[Type], between: &str| types.iter().map(flat_type).collect::<Vec<_>>().join(between);
    match &ty.kind {
        TypeKind::Name { name, args, refinement } => {
            let args = if args.is_empty() { String::new() } else { format!("<{}>", list(args, ", ")) };
            format!("{}{args}{}", name.text, refinement.as_ref().map(flat_refinement).unwrap_or_default())
        }
        TypeKind::Record(fields) if fields.is_empty() => "{}".to_string(),
        TypeKind::Record(fields) => {
            let field = |field: &TypeField| format!("{}: {}", field.name.text, flat_type(&field.ty));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        TypeKind::String(text) => string_literal(text),
        TypeKind::Int(value) => value.to_string(),
        TypeKind::Union(members) => list(members, " | "),
        TypeKind::Optional(inner) if matches!(inner.kind, TypeKind::Union(_)) => format!("({})?", flat_type(inner)),
        TypeKind::Optional(inner) => format!("{}?", flat_type(inner)),
    }
}

fn flat_refinement(refinement: &Refinement) -> String {
    let end = |end: &Option<Expr>| {
        end.as_ref().map_or_else(String::new, |end| match &end.kind {
            ExprKind::Int(value) => value.to_string(),
            ExprKind::Float(value) => format!("{value:?}"),
            ExprKind::Duration(value) => words::duration(*value),
            ExprKind::Size(value) => words::size(*value),
            ExprKind::Percent(value) => format!("{value}%"),
            _ => String::new(),
        })
    };
    match refinement {
        Refinement::Pattern { text, .. } => format!("(/{}/)", text.replace('/', "\\/")),
        Refinement::Range { min, max, .. } => format!("({}..{})", end(min), end(max)),
    }
}
