//! Expressions: names resolved, operators and functions chosen, every node typed. Literals are checked against the
//! type that is expected where they stand.

use super::assign::{accepts, has_text, join};
use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::names::NameError;
use super::errors::scripts::ScriptError;
use super::errors::types::TypeError;
use super::members::{self};
use super::operators::Operands;
use super::secrecy::secret_origin;
use super::types::literal;
use crate::base::source::Span;
use crate::eval::fits::{fits, fits_key};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::types::{Field, Type};
use crate::hir::value::{Script, ScriptLanguage, Value};
use crate::syntax::ast::{self};

/// What is wanted where an expression stands, and where that is written.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'t> {
    pub ty: Option<&'t Type>,
    pub definition: Option<Span>,
}

impl<'t> Wanted<'t> {
    pub fn of(ty: &'t Type) -> Self {
        Wanted { ty: Some(ty), definition: None }
    }
}

pub(super) fn error_expr(span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Value::None), ty: Type::Error, span }
}

impl Checker<'_> {
    /// An expression that must have a type; anything else is reported once.
    pub fn expect_expr(&mut self, expr: &ast::Expr, wanted: Wanted<'_>, scope: &mut Scope, context: &Context) -> Expr {
        let checked = self.check_expr(expr, wanted, scope, context);
        self.expect_type(checked, wanted, scope)
    }

    fn expect_type(&mut self, checked: Expr, wanted: Wanted<'_>, scope: &Scope) -> Expr {
        let Some(ty) = wanted.ty else { return checked };
        if let ExprKind::Literal(value) = &checked.kind
            && accepts_literal(ty, value, &checked.ty)
        {
            if checked.ty != Type::Error
                && let Err(misfit) = fits(value, ty)
            {
                self.report(TypeError::misfit(misfit, checked.span, wanted.definition).diagnostic());
            }
            return Expr { ty: ty.clone(), ..checked };
        }
        if accepts(ty, &checked.ty) {
            return checked;
        }
        let (span, definition) = (checked.span, wanted.definition);
        let diagnostic = match &checked.ty {
            found if found.carries_secret() && !ty.carries_secret() => {
                let origin = secret_origin(&checked, scope);
                ScriptError::SecretLeak { expected: ty.to_string(), span, origin, definition }.diagnostic()
            }
            Type::Optional(inner) if accepts(ty, inner) => {
                TypeError::MayBeAbsent { expected: ty.to_string(), span }.diagnostic()
            }
            found => TypeError::Mismatch { expected: ty.to_string(), found: found.to_string(), span, definition }
                .diagnostic(),
        };
        self.report(diagnostic);
        error_expr(span)
    }

    pub fn check_expr(&mut self, expr: &ast::Expr, wanted: Wanted<'_>, scope: &mut Scope, context: &Context) -> Expr {
        let span = expr.span;
        if let Some(value) = literal(expr) {
            let ty = members::type_of_value(&value);
            return Expr { kind: ExprKind::Literal(value), ty, span };
        }
        match &expr.kind {
            ast::ExprKind::Parenthesized(inner) => self.check_expr(inner, wanted, scope, context),
            ast::ExprKind::String(text) => self.check_string(text, scope, context),
            ast::ExprKind::Script(script) => {
                let value = Value::Script(lower_script(script));
                Expr { kind: ExprKind::Literal(value), ty: Type::Script, span }
            }
            ast::ExprKind::Name(name) => self.check_name(name, scope, context),
            ast::ExprKind::List(items) => self.check_list(items, wanted, scope, context, span),
            ast::ExprKind::Map(entries) => self.check_map(entries, wanted, scope, context, span),
            ast::ExprKind::Call { function, args } if function.text == "load" => {
                self.check_load(function, args, wanted, scope, context)
            }
            ast::ExprKind::Call { function, args } => self.check_call(function, args, scope, context, span),
            ast::ExprKind::MethodCall { base, method, args } => {
                self.check_method(base, method, args, scope, context, span)
            }
            ast::ExprKind::Field { base, field } => self.check_field(base, field, scope, context, span),
            ast::ExprKind::Index { base, index } => self.check_index(base, index, scope, context, span),
            ast::ExprKind::Unary { operator, operand } => self.check_unary(*operator, operand, scope, context, span),
            ast::ExprKind::Binary { operator, operator_span, left, right } => {
                let operands = Operands { operator: *operator, operator_span: *operator_span, left, right };
                self.check_binary(&operands, wanted, scope, context, span)
            }
            ast::ExprKind::Where { hosts, condition } => self.check_where(hosts, condition, scope, context, span),
            _ => error_expr(span),
        }
    }

    pub fn check_string(&mut self, text: &ast::StringLiteral, scope: &mut Scope, context: &Context) -> Expr {
        let span = text.span;
        if let Some(constant) = text.constant() {
            let value = Value::String(constant);
            return Expr { ty: members::type_of_value(&value), kind: ExprKind::Literal(value), span };
        }
        let mut pieces = Vec::new();
        let mut ty = Type::String;
        let mut secret = false;
        for piece in &text.pieces {
            match piece {
                ast::StringPiece::Text(part) => {
                    if part.contains('\n') {
                        ty = Type::Text;
                    }
                    let value = Value::string(part);
                    pieces.push(Expr { kind: ExprKind::Literal(value), ty: Type::String, span });
                }
                ast::StringPiece::Hole(hole) => {
                    let piece = self.check_expr(hole, Wanted::default(), scope, context);
                    secret = secret || piece.ty.carries_secret();
                    if *piece.ty.core() == Type::Text {
                        ty = Type::Text;
                    }
                    self.refuse_no_text(&piece);
                    pieces.push(piece);
                }
            }
        }
        let ty = if secret { Type::Secret(Box::new(ty)) } else { ty };
        Expr { kind: ExprKind::Interpolated(pieces), ty, span }
    }

    fn refuse_no_text(&mut self, piece: &Expr) {
        if matches!(piece.ty, Type::Optional(_)) {
            self.report(
                TypeError::MayBeAbsent { expected: "a value for this text".to_string(), span: piece.span }.diagnostic(),
            );
        } else if !has_text(&piece.ty) || (piece.ty.carries_secret() && !piece.ty.is_secret()) {
            self.report(TypeError::NoText { found: piece.ty.to_string(), span: piece.span }.diagnostic());
        }
    }

    fn check_name(&mut self, name: &ast::Name, scope: &mut Scope, context: &Context) -> Expr {
        let span = name.span;
        let ambient = |kind: ExprKind, ty: Type| Expr { kind, ty, span };
        match name.text.as_str() {
            "host" if context.on_host => return ambient(ExprKind::CurrentHost, Type::Host),
            "it" => {
                if let Some(ty) = &context.it {
                    return ambient(ExprKind::It, ty.clone());
                }
            }
            "before" | "after" => {
                if let Some(ty) = &context.before {
                    let kind = if name.text == "before" { ExprKind::Before } else { ExprKind::After };
                    return ambient(kind, ty.clone());
                }
            }
            "batch" if context.in_after_batch => return ambient(ExprKind::CurrentBatch, Type::Hosts(None)),
            "facts" if context.facts => return ambient(ExprKind::Facts, crate::hir::facts::facts_type()),
            _ => {}
        }
        if let Some(visible) = scope.find(&name.text).cloned() {
            scope.mark_used(visible.binding);
            return Expr { kind: ExprKind::Binding(visible.binding), ty: visible.ty, span };
        }
        let diagnostic = match (scope.ended.get(&name.text), scope.beside.get(&name.text)) {
            (Some(bound), _) => NameError::OutOfReach { name: name.text.clone(), bound: *bound, span },
            (None, Some(bound)) => NameError::Beside { name: name.text.clone(), bound: *bound, span },
            (None, None) => {
                let mut known: Vec<String> = scope.names().map(str::to_string).collect();
                known.sort();
                NameError::UnknownName { name: name.text.clone(), known, span }
            }
        };
        self.report(diagnostic.diagnostic());
        error_expr(span)
    }

    fn check_list(
        &mut self,
        items: &[ast::Expr],
        wanted: Wanted<'_>,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let item_type = wanted.ty.map(Type::core).and_then(|ty| match ty {
            Type::List(item) => Some((**item).clone()),
            _ => None,
        });
        let mut checked = Vec::new();
        let mut common: Option<Type> = None;
        for item in items {
            let each = match &item_type {
                Some(ty) => {
                    let wanted = Wanted { ty: Some(ty), definition: wanted.definition };
                    self.expect_expr(item, wanted, scope, context)
                }
                None => self.check_expr(item, Wanted::default(), scope, context),
            };
            let joined = match &common {
                None => Some(each.ty.clone()),
                Some(before) => join(before, &each.ty),
            };
            if let (None, Some(before)) = (&joined, &common) {
                let (expected, found) = (before.to_string(), each.ty.to_string());
                self.report(TypeError::Mismatch { expected, found, span: each.span, definition: None }.diagnostic());
            }
            common = Some(joined.unwrap_or(Type::Error));
            checked.push(each);
        }
        let ty = Type::List(Box::new(item_type.or(common).unwrap_or(Type::Error)));
        // An item that was reported has no value: the list must not be reported for it again.
        let reported = |item: &Expr| item.ty == Type::Error;
        match checked.iter().map(|item| literal_value(item).filter(|_| !reported(item))).collect::<Option<Vec<Value>>>()
        {
            Some(values) => Expr { kind: ExprKind::Literal(Value::List(values)), ty, span },
            None => Expr { kind: ExprKind::List(checked), ty, span },
        }
    }

    fn check_map(
        &mut self,
        entries: &[ast::MapEntry],
        wanted: Wanted<'_>,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let wanted_type = wanted.ty.map(Type::core).cloned();
        let mut fields: Vec<(String, Expr)> = Vec::new();
        let mut types = Vec::new();
        for entry in entries {
            let (key, key_span) = match &entry.key {
                ast::MapKey::Label(name) => (name.text.clone(), name.span),
                ast::MapKey::String(text) => match text.constant() {
                    Some(key) => (key, text.span),
                    None => {
                        self.report(TypeError::KeyWithHole { span: text.span }.diagnostic());
                        continue;
                    }
                },
            };
            if let Some(Type::Map(key_type, _)) = &wanted_type
                && let Err(misfit) = fits_key(&key, key_type)
            {
                self.report(TypeError::misfit(misfit, key_span, wanted.definition).diagnostic());
            }
            if fields.iter().any(|(known, _)| *known == key) {
                let error =
                    NameError::DuplicateDefinition { what: "key", name: key.clone(), first: key_span, span: key_span };
                self.report(error.diagnostic());
            }
            if let Some(Type::Record(known)) = &wanted_type
                && !known.iter().any(|field| field.name == key)
            {
                let known = known.iter().map(|field| field.name.clone()).collect();
                let (ty, name) = ("this record".to_string(), key.clone());
                self.report(NameError::UnknownMember { ty, name, known, span: key_span }.diagnostic());
            }
            let entry_type = match &wanted_type {
                Some(Type::Map(_, value)) => Some((**value).clone()),
                Some(Type::Record(known)) => known.iter().find(|field| field.name == key).map(|field| field.ty.clone()),
                _ => None,
            };
            let value = match &entry_type {
                Some(ty) => self.expect_expr(
                    &entry.value,
                    Wanted { ty: Some(ty), definition: wanted.definition },
                    scope,
                    context,
                ),
                None => self.check_expr(&entry.value, Wanted::default(), scope, context),
            };
            types.push(Field { name: key.clone(), ty: value.ty.clone() });
            fields.push((key, value));
        }
        let ty = match wanted_type {
            Some(map @ Type::Map(_, _)) => map,
            _ => Type::Record(types),
        };
        Expr { kind: ExprKind::Record(fields), ty, span }
    }

    /// A condition: `bool`, or `bool?` where unknown counts as not true.
    pub fn expect_condition(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> Expr {
        let wanted = Type::Bool.optional();
        let checked = self.check_expr(expr, Wanted::default(), scope, context);
        let literal_none = checked.ty == Type::None;
        if literal_none || !accepts(&wanted, &checked.ty) {
            let (expected, found, span) = ("bool".to_string(), checked.ty.to_string(), checked.span);
            self.report(match checked.ty.is_secret() {
                true => {
                    let origin = secret_origin(&checked, scope);
                    ScriptError::SecretLeak { expected, span, origin, definition: None }.diagnostic()
                }
                false => TypeError::Mismatch { expected, found, span, definition: None }.diagnostic(),
            });
        }
        checked
    }
}

pub(super) fn literal_value(expr: &Expr) -> Option<Value> {
    match &expr.kind {
        ExprKind::Literal(value) => Some(value.clone()),
        _ => None,
    }
}

/// Whether a literal is of the kind that a type is about, so that what is left to ask is whether it fits.
pub(super) fn accepts_literal(expected: &Type, value: &Value, found: &Type) -> bool {
    match (expected.core(), value) {
        (_, Value::None) => expected.is_optional(),
        (Type::String | Type::Text | Type::Path | Type::Url | Type::Union(_), Value::String(_)) => true,
        (Type::Union(_), Value::Int(_)) => true,
        (Type::Float, Value::Int(_)) => true,
        (core, _) => accepts(core, found),
    }
}

pub fn lower_language(language: ast::ScriptLanguage) -> ScriptLanguage {
    match language {
        ast::ScriptLanguage::Sh => ScriptLanguage::Sh,
        ast::ScriptLanguage::Powershell => ScriptLanguage::Powershell,
    }
}

pub fn lower_script(script: &ast::Script) -> Script {
    let language = lower_language(script.language);
    Script { language, text: script.text.clone() }
}
