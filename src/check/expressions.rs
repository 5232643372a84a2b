//! Expressions: names resolved, operators and functions chosen, every node typed. Literals are checked against the
//! type that is expected where they stand.

use super::assign::{accepts, comparable, has_text, join};
use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::errors::scripts::ScriptError;
use super::errors::steps::StepError;
use super::errors::types::TypeError;
use super::functions::{self, AGGREGATES, Takes};
use super::members::{self, Member};
use super::types::literal;
use crate::base::source::Span;
use crate::eval::fits::fits;
use crate::hir::expr::{Expr, ExprKind, Function, Operator};
use crate::hir::types::{Field, Type};
use crate::hir::value::{Script, ScriptLanguage, Value};
use crate::syntax::ast::{self, BinaryOperator};

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

fn error_expr(span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Value::None), ty: Type::Error, span }
}

impl Checker<'_> {
    /// An expression that must have a type; anything else is reported once.
    pub fn expect_expr(&mut self, expr: &ast::Expr, wanted: Wanted<'_>, scope: &mut Scope, context: &Context) -> Expr {
        let checked = self.check_expr(expr, wanted, scope, context);
        self.expect_type(checked, wanted)
    }

    fn expect_type(&mut self, checked: Expr, wanted: Wanted<'_>) -> Expr {
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
            found if found.is_secret() => {
                ScriptError::SecretLeak { expected: ty.to_string(), span, definition }.diagnostic()
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
                    secret = secret || piece.ty.is_secret();
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
        } else if !has_text(&piece.ty) {
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
            "facts" if context.facts => return ambient(ExprKind::Facts, members::facts_type()),
            _ => {}
        }
        if let Some(visible) = scope.find(&name.text).cloned() {
            scope.mark_used(visible.binding);
            return Expr { kind: ExprKind::Binding(visible.binding), ty: visible.ty, span };
        }
        let diagnostic = match scope.ended.get(&name.text) {
            Some(bound) => NameError::OutOfReach { name: name.text.clone(), bound: *bound, span },
            None => {
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
            common = Some(match common {
                None => each.ty.clone(),
                Some(before) => join(&before, &each.ty).unwrap_or(Type::Error),
            });
            checked.push(each);
        }
        let ty = Type::List(Box::new(item_type.or(common).unwrap_or(Type::Error)));
        match checked.iter().map(literal_value).collect::<Option<Vec<Value>>>() {
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
                ast::MapKey::String(text) => (text.constant().unwrap_or_default(), text.span),
            };
            if fields.iter().any(|(known, _)| *known == key) {
                let error =
                    NameError::DuplicateDefinition { what: "key", name: key.clone(), first: key_span, span: key_span };
                self.report(error.diagnostic());
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

    fn check_call(
        &mut self,
        function: &ast::Name,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let is_function = functions::find(&function.text).is_some() && args.len() != 2;
        if let Some((_, aggregate)) = AGGREGATES.iter().find(|(name, _)| *name == function.text && !is_function) {
            return self.check_aggregate(*aggregate, function, args, scope, context, span);
        }
        if function.text == "load" {
            self.report(NameError::NotPlanned { form: "load", span: function.span }.diagnostic());
            return error_expr(span);
        }
        let Some(signature) = functions::find(&function.text) else {
            let known = functions::names();
            self.report(
                NameError::UnknownFunction { name: function.text.clone(), known, span: function.span }.diagnostic(),
            );
            return error_expr(span);
        };
        let args = self.positional(function, args, scope, context);
        if args.len() < signature.least || args.len() > signature.most {
            self.report_count(&function.text, (signature.least, signature.most), args.len(), span);
            return error_expr(span);
        }
        self.check_function_args(signature, &args);
        if args.iter().any(|arg| arg.ty == Type::Error) && signature.takes != Takes::Anything {
            return error_expr(span);
        }
        self.check_names_in_inventory(signature.function, &args);
        let secret = args.iter().any(|arg| arg.ty.is_secret());
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        let ty = functions::result_type(signature, &types);
        let ty = if secret && !ty.is_secret() { Type::Secret(Box::new(ty)) } else { ty };
        Expr { kind: ExprKind::Call { function: signature.function, args }, ty, span }
    }

    fn report_count(&mut self, function: &str, (least, most): (usize, usize), found: usize, span: Span) {
        let expected = match (least, most) {
            (0, 0) => "no arguments".to_string(),
            (1, 1) => "one argument".to_string(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        let error = StepError::WrongArgumentCount { function: function.to_string(), expected, found, span };
        self.report(error.diagnostic());
    }

    fn positional(
        &mut self,
        function: &ast::Name,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
    ) -> Vec<Expr> {
        let mut checked = Vec::new();
        for arg in args {
            match arg {
                ast::Arg::Positional(expr) => checked.push(self.check_expr(expr, Wanted::default(), scope, context)),
                ast::Arg::Named(named) => {
                    let error = StepError::FunctionMixesArguments { function: function.text.clone(), span: named.span };
                    self.report(error.diagnostic());
                    checked.push(error_expr(named.span));
                }
            }
        }
        checked
    }

    fn check_function_args(&mut self, signature: &functions::Signature, args: &[Expr]) {
        for arg in args {
            let (wanted, fitting) = match signature.takes {
                Takes::Text => ("string", accepts(&Type::Text, plain(&arg.ty))),
                Takes::Hosts => ("hosts", accepts(&Type::Hosts(None), &arg.ty)),
                Takes::Collection => ("a list", matches!(arg.ty.core(), Type::List(_) | Type::String | Type::Error)),
                Takes::Anything => ("a value", true),
            };
            if matches!(arg.ty, Type::Optional(_)) {
                self.report(TypeError::MayBeAbsent { expected: wanted.to_string(), span: arg.span }.diagnostic());
            } else if !fitting {
                let error = TypeError::Mismatch {
                    expected: wanted.to_string(),
                    found: arg.ty.to_string(),
                    span: arg.span,
                    definition: None,
                };
                self.report(error.diagnostic());
            }
        }
    }

    /// Literal names of groups, hosts and tags must exist where an inventory is known.
    fn check_names_in_inventory(&mut self, function: Function, args: &[Expr]) {
        let Some(inventory) = self.world().inventory() else { return };
        let Some(first) = args.first() else { return };
        let ExprKind::Literal(Value::String(name)) = &first.kind else { return };
        let span = first.span;
        let name = name.clone();
        let error = match function {
            Function::Group if inventory.group(&name).is_none() => {
                let known = inventory.groups.iter().map(|group| group.name.clone()).collect();
                HostError::UnknownGroup { name, known, span }
            }
            Function::Host if inventory.host(&name).is_none() => {
                let known = inventory.hosts.values().map(|host| host.name.clone()).collect();
                HostError::UnknownHost { name, known, span }
            }
            Function::Tag
                if !members::inventory_keys(self.world(), "tags").contains(&name)
                    && !inventory.declared_tags.iter().any(|(key, _)| *key == name) =>
            {
                HostError::UnknownTag { name, known: members::inventory_keys(self.world(), "tags"), span }
            }
            _ => return,
        };
        self.report(error.diagnostic());
    }

    fn check_aggregate(
        &mut self,
        aggregate: crate::hir::expr::Aggregate,
        function: &ast::Name,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        use crate::hir::expr::Aggregate;
        let [ast::Arg::Positional(source), ast::Arg::Positional(body)] = args else {
            self.report_count(&function.text, (2, 2), args.len(), span);
            return error_expr(span);
        };
        let source = self.check_expr(source, Wanted::default(), scope, context);
        let item = match source.ty.core() {
            Type::List(item) => (**item).clone(),
            Type::Hosts(_) => Type::Host,
            Type::Error => Type::Error,
            other => {
                let (expected, found) = ("a list".to_string(), other.to_string());
                self.report(TypeError::Mismatch { expected, found, span: source.span, definition: None }.diagnostic());
                return error_expr(span);
            }
        };
        let inner = Context { it: Some(item), ..context.clone() };
        let body = match aggregate {
            Aggregate::Map | Aggregate::Sort => self.check_expr(body, Wanted::default(), scope, &inner),
            _ => self.expect_condition(body, scope, &inner),
        };
        let ty = match aggregate {
            Aggregate::Any | Aggregate::All => Type::Bool,
            Aggregate::Count => Type::Int,
            Aggregate::Map => Type::List(Box::new(body.ty.clone())),
            _ => source.ty.clone(),
        };
        let kind = ExprKind::Aggregate { aggregate, source: Box::new(source), body: Some(Box::new(body)) };
        Expr { kind, ty, span }
    }

    fn check_method(
        &mut self,
        base: &ast::Expr,
        method: &ast::Name,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let base = self.check_expr(base, Wanted::default(), scope, context);
        if method.text != "contains" {
            let known = vec!["contains".to_string()];
            let error = NameError::UnknownMember {
                ty: base.ty.to_string(),
                name: method.text.clone(),
                known,
                span: method.span,
            };
            self.report(error.diagnostic());
            return error_expr(span);
        }
        let mut all = vec![base];
        all.extend(self.positional(method, args, scope, context));
        if all.len() != 2 {
            self.report_count("contains", (1, 1), all.len() - 1, span);
            return error_expr(span);
        }
        Expr { kind: ExprKind::Call { function: Function::Contains, args: all }, ty: Type::Bool, span }
    }

    fn check_field(
        &mut self,
        base: &ast::Expr,
        field: &ast::Name,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        if let Some(expr) = self.check_inventory_value(base, field, scope, context, span) {
            return expr;
        }
        let base = self.check_expr(base, Wanted::default(), scope, context);
        if let Type::Optional(inner) = &base.ty {
            // A field of something that may be absent may be absent, and comparing it is three-valued.
            let ty = match members::member(inner, &field.text) {
                Member::Found(ty) => ty.optional(),
                Member::Unknown { known } => {
                    self.report_member(&inner.to_string(), field, known);
                    Type::Error
                }
            };
            return Expr { kind: ExprKind::Field(Box::new(base), field.text.clone()), ty, span };
        }
        match members::member(&base.ty, &field.text) {
            Member::Found(ty) => {
                let ty = if base.ty.is_secret() { Type::Secret(Box::new(ty)) } else { ty };
                Expr { kind: ExprKind::Field(Box::new(base), field.text.clone()), ty, span }
            }
            Member::Unknown { known } => {
                self.report_member(&base.ty.to_string(), field, known);
                error_expr(span)
            }
        }
    }

    fn report_member(&mut self, ty: &str, field: &ast::Name, known: Vec<String>) {
        let ty = if ty.starts_with('{') { "this record".to_string() } else { ty.to_string() };
        let error = NameError::UnknownMember { ty, name: field.text.clone(), known, span: field.span };
        self.report(error.diagnostic());
    }

    /// `host.vars.port`, `host.tags.env`: typed by what the inventory says of the hosts it may be.
    fn check_inventory_value(
        &mut self,
        base: &ast::Expr,
        field: &ast::Name,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Option<Expr> {
        let ast::ExprKind::Field { base: inner, field: member } = &base.kind else { return None };
        if !matches!(member.text.as_str(), "vars" | "tags") {
            return None;
        }
        let before = self.diagnostics.len();
        let host = self.check_expr(inner, Wanted::default(), scope, context);
        if host.ty != Type::Host {
            self.diagnostics.truncate(before);
            return None;
        }
        let is_current = host.kind == ExprKind::CurrentHost;
        let hosts = if is_current { context.hosts.as_deref() } else { None };
        let ty = members::inventory_value(self.world(), hosts, &member.text, &field.text).unwrap_or_else(|| {
            let known = members::inventory_keys(self.world(), &member.text);
            self.report_member(&format!("host.{}", member.text), field, known);
            Type::Error
        });
        let record =
            Expr { kind: ExprKind::Field(Box::new(host), member.text.clone()), ty: Type::Error, span: base.span };
        Some(Expr { kind: ExprKind::Field(Box::new(record), field.text.clone()), ty, span })
    }

    fn check_index(
        &mut self,
        base: &ast::Expr,
        index: &ast::Expr,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let base = self.check_expr(base, Wanted::default(), scope, context);
        match base.ty.clone() {
            Type::Results(item) => {
                let host = self.expect_expr(index, Wanted::of(&Type::Host), scope, context);
                let kind = ExprKind::ResultAt { results: Box::new(base), host: Box::new(host) };
                Expr { kind, ty: item.optional(), span }
            }
            Type::List(item) => {
                let index = self.expect_expr(index, Wanted::of(&Type::Int), scope, context);
                Expr {
                    kind: ExprKind::Index { base: Box::new(base), index: Box::new(index) },
                    ty: (*item).clone(),
                    span,
                }
            }
            Type::Map(_, item) => {
                let index = self.expect_expr(index, Wanted::of(&Type::String), scope, context);
                Expr {
                    kind: ExprKind::Index { base: Box::new(base), index: Box::new(index) },
                    ty: item.optional(),
                    span,
                }
            }
            Type::Error => error_expr(span),
            other => {
                self.report(TypeError::NotIndexable { ty: other.to_string(), span }.diagnostic());
                error_expr(span)
            }
        }
    }

    /// A condition: `bool`, or `bool?` where unknown counts as not true.
    pub fn expect_condition(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> Expr {
        let wanted = Type::Bool.optional();
        let checked = self.check_expr(expr, Wanted::default(), scope, context);
        let literal_none = checked.ty == Type::None;
        if literal_none || !accepts(&wanted, &checked.ty) {
            let (expected, found) = ("bool".to_string(), checked.ty.to_string());
            self.report(TypeError::Mismatch { expected, found, span: checked.span, definition: None }.diagnostic());
        }
        checked
    }

    fn check_unary(
        &mut self,
        operator: ast::UnaryOperator,
        operand: &ast::Expr,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        match operator {
            ast::UnaryOperator::Not => {
                let operand = self.expect_condition(operand, scope, context);
                let ty = operand.ty.clone();
                Expr { kind: ExprKind::Not(Box::new(operand)), ty, span }
            }
            ast::UnaryOperator::Negate => {
                let operand = self.check_expr(operand, Wanted::default(), scope, context);
                match literal_value(&operand) {
                    Some(Value::Int(value)) => Expr { kind: ExprKind::Literal(Value::Int(-value)), span, ..operand },
                    Some(Value::Float(value)) => {
                        Expr { kind: ExprKind::Literal(Value::Float(-value)), span, ..operand }
                    }
                    _ => Expr { ty: operand.ty.clone(), kind: ExprKind::Negate(Box::new(operand)), span },
                }
            }
        }
    }

    fn check_where(
        &mut self,
        hosts: &ast::Expr,
        condition: &ast::Expr,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let hosts = self.check_expr(hosts, Wanted::default(), scope, context);
        if !matches!(hosts.ty.core(), Type::Hosts(_) | Type::Error) {
            self.report(HostError::NotHosts { found: hosts.ty.to_string(), span: hosts.span }.diagnostic());
            return error_expr(span);
        }
        let inner = Context { on_host: true, hosts: None, ..context.clone() };
        let condition = self.expect_condition(condition, scope, &inner);
        let ty = match system_compared(&condition) {
            Some((os, true)) => Type::Hosts(Some(os)),
            _ => Type::Hosts(match hosts.ty.core() {
                Type::Hosts(os) => *os,
                _ => None,
            }),
        };
        Expr { kind: ExprKind::Where { hosts: Box::new(hosts), condition: Box::new(condition) }, ty, span }
    }

    fn check_binary(
        &mut self,
        operands: &Operands<'_>,
        wanted: Wanted<'_>,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        match operands.operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let left = self.expect_condition(operands.left, scope, context);
                let right = self.expect_condition(operands.right, scope, context);
                let optional = left.ty.is_optional() || right.ty.is_optional();
                let ty = if optional { Type::Bool.optional() } else { Type::Bool };
                let operator = if operands.operator == BinaryOperator::And { Operator::And } else { Operator::Or };
                return binary(operator, left, right, ty, span);
            }
            _ => {}
        }
        let inner = match operands.operator {
            BinaryOperator::Default => wanted,
            _ => Wanted::default(),
        };
        let left = self.check_expr(operands.left, inner, scope, context);
        let right = self.check_expr(operands.right, inner, scope, context);
        if left.ty == Type::Error || right.ty == Type::Error {
            return self.check_untyped(operands.operator, left, right, span);
        }
        match operands.operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => self.check_equality(operands, left, right, span),
            BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual => self.check_order(operands, left, right, span),
            BinaryOperator::In => {
                let optional = left.ty.is_optional();
                binary(Operator::In, left, right, if optional { Type::Bool.optional() } else { Type::Bool }, span)
            }
            BinaryOperator::Default => {
                let unwrapped = match left.ty.clone() {
                    Type::Optional(inner) => *inner,
                    Type::None => right.ty.clone(),
                    other => other,
                };
                match join(&unwrapped, &right.ty) {
                    Some(ty) => binary(Operator::Default, left, right, ty, span),
                    None => self.refuse_operands("??", &left, &right, operands.operator_span),
                }
            }
            _ => self.check_arithmetic(operands, left, right, span),
        }
    }

    /// One side was already reported: the operator still tells the type, so that nothing cascades.
    fn check_untyped(&mut self, operator: BinaryOperator, left: Expr, right: Expr, span: Span) -> Expr {
        let ty = match operator {
            BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual
            | BinaryOperator::In => Type::Bool.optional(),
            _ if matches!(left.ty, Type::Hosts(_)) || matches!(right.ty, Type::Hosts(_)) => Type::Hosts(None),
            _ => Type::Error,
        };
        binary(lowered_operator(operator, &left.ty), left, right, ty, span)
    }

    fn check_equality(&mut self, operands: &Operands<'_>, left: Expr, right: Expr, span: Span) -> Expr {
        if !comparable(&left.ty, &right.ty) {
            let (left, right) = (left.ty.to_string(), right.ty.to_string());
            self.report(TypeError::NotComparable { left, right, span: operands.operator_span }.diagnostic());
            return error_expr(span);
        }
        self.check_compared_member(&left, &right);
        self.check_compared_member(&right, &left);
        let asks_absence = left.ty == Type::None || right.ty == Type::None;
        let optional = !asks_absence && (left.ty.is_optional() || right.ty.is_optional());
        let ty = if optional { Type::Bool.optional() } else { Type::Bool };
        binary(lowered_operator(operands.operator, &left.ty), left, right, ty, span)
    }

    /// `host.os == "linus"` can never hold: the literal is not one of the union's words.
    fn check_compared_member(&mut self, side: &Expr, other: &Expr) {
        if let (Type::Union(_), ExprKind::Literal(value @ Value::String(_))) = (side.ty.core(), &other.kind)
            && let Err(misfit) = fits(value, side.ty.core())
        {
            self.report(TypeError::misfit(misfit, other.span, None).diagnostic());
        }
    }

    fn check_order(&mut self, operands: &Operands<'_>, left: Expr, right: Expr, span: Span) -> Expr {
        let ordered = matches!(
            left.ty.core(),
            Type::Int | Type::Float | Type::Duration | Type::Size | Type::Percent | Type::String
        );
        if !ordered {
            self.report(TypeError::NoOrder { ty: left.ty.to_string(), span: left.span }.diagnostic());
            return error_expr(span);
        }
        self.check_equality(operands, left, right, span)
    }

    fn check_arithmetic(&mut self, operands: &Operands<'_>, left: Expr, right: Expr, span: Span) -> Expr {
        let operator = lowered_operator(operands.operator, &left.ty);
        let symbol = operands.operator.symbol();
        if let Some(optional) = [&left, &right].into_iter().find(|side| side.ty.is_optional()) {
            self.report(TypeError::MayBeAbsent { expected: "a value".to_string(), span: optional.span }.diagnostic());
            return error_expr(span);
        }
        let ty = match (left.ty.core(), right.ty.core()) {
            (Type::Hosts(one), Type::Hosts(two))
                if matches!(operator, Operator::HostsUnion | Operator::HostsMinus | Operator::HostsIntersect) =>
            {
                Some(Type::Hosts(hosts_type(operator, *one, *two)))
            }
            (Type::Hosts(os), Type::Host) => Some(Type::Hosts(*os)),
            (Type::Host, Type::Hosts(_) | Type::Host) => Some(Type::Hosts(None)),
            (Type::Int, Type::Int) => Some(Type::Int),
            (Type::Int | Type::Float, Type::Int | Type::Float) => Some(Type::Float),
            (Type::Duration, Type::Duration) if operator != Operator::Multiply => Some(Type::Duration),
            (Type::Size, Type::Size) if operator != Operator::Multiply => Some(Type::Size),
            (Type::Duration, Type::Int) if operator == Operator::Multiply => Some(Type::Duration),
            (Type::Size, Type::Int) if operator == Operator::Multiply => Some(Type::Size),
            (Type::List(one), Type::List(two)) if operator == Operator::Add => {
                join(one, two).map(|item| Type::List(Box::new(item)))
            }
            _ => None,
        };
        match ty {
            Some(ty) if operands.operator != BinaryOperator::Intersect || matches!(ty, Type::Hosts(_)) => {
                binary(operator, left, right, ty, span)
            }
            _ => self.refuse_operands(symbol, &left, &right, operands.operator_span),
        }
    }

    fn refuse_operands(&mut self, operator: &'static str, left: &Expr, right: &Expr, span: Span) -> Expr {
        let (left, right) = (left.ty.to_string(), right.ty.to_string());
        self.report(TypeError::BadOperands { operator, left, right, span }.diagnostic());
        error_expr(span)
    }
}

/// The parts of a binary expression as written.
struct Operands<'a> {
    operator: BinaryOperator,
    operator_span: Span,
    left: &'a ast::Expr,
    right: &'a ast::Expr,
}

fn binary(operator: Operator, left: Expr, right: Expr, ty: Type, span: Span) -> Expr {
    Expr { kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, ty, span }
}

fn lowered_operator(operator: BinaryOperator, left: &Type) -> Operator {
    let on_hosts = matches!(left.core(), Type::Hosts(_) | Type::Host);
    match operator {
        BinaryOperator::Or => Operator::Or,
        BinaryOperator::And => Operator::And,
        BinaryOperator::Equal => Operator::Equal,
        BinaryOperator::NotEqual => Operator::NotEqual,
        BinaryOperator::Less => Operator::Less,
        BinaryOperator::LessEqual => Operator::LessEqual,
        BinaryOperator::Greater => Operator::Greater,
        BinaryOperator::GreaterEqual => Operator::GreaterEqual,
        BinaryOperator::In => Operator::In,
        BinaryOperator::Default => Operator::Default,
        BinaryOperator::Add if on_hosts => Operator::HostsUnion,
        BinaryOperator::Subtract if on_hosts => Operator::HostsMinus,
        BinaryOperator::Add => Operator::Add,
        BinaryOperator::Subtract => Operator::Subtract,
        BinaryOperator::Intersect => Operator::HostsIntersect,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
    }
}

fn hosts_type(
    operator: Operator,
    one: Option<crate::hir::types::Os>,
    two: Option<crate::hir::types::Os>,
) -> Option<crate::hir::types::Os> {
    match operator {
        Operator::HostsUnion if one == two => one,
        Operator::HostsUnion => None,
        Operator::HostsMinus => one,
        _ => one.or(two),
    }
}

fn literal_value(expr: &Expr) -> Option<Value> {
    match &expr.kind {
        ExprKind::Literal(value) => Some(value.clone()),
        _ => None,
    }
}

/// The type behind `secret<…>`, for functions that keep secrecy.
fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Secret(inner) => inner,
        other => other,
    }
}

/// Whether a literal is of the kind that a type is about, so that what is left to ask is whether it fits.
fn accepts_literal(expected: &Type, value: &Value, found: &Type) -> bool {
    match (expected.core(), value) {
        (_, Value::None) => expected.is_optional(),
        (Type::String | Type::Text | Type::Path | Type::Url | Type::Union(_), Value::String(_)) => true,
        (Type::Union(_), Value::Int(_)) => true,
        (Type::Float, Value::Int(_)) => true,
        (core, _) => accepts(core, found),
    }
}

/// `host.os == "linux"` → linux and true; `!=` → false.
pub fn system_compared(condition: &Expr) -> Option<(crate::hir::types::Os, bool)> {
    let ExprKind::Binary { operator, left, right } = &condition.kind else { return None };
    let is_equal = match operator {
        Operator::Equal => true,
        Operator::NotEqual => false,
        _ => return None,
    };
    let is_os =
        matches!(&left.kind, ExprKind::Field(base, field) if field == "os" && base.kind == ExprKind::CurrentHost);
    let ExprKind::Literal(Value::String(name)) = &right.kind else { return None };
    if is_os { crate::hir::types::Os::parse(name).map(|os| (os, is_equal)) } else { None }
}

pub fn lower_script(script: &ast::Script) -> Script {
    let language = match script.language {
        ast::ScriptLanguage::Sh => ScriptLanguage::Sh,
        ast::ScriptLanguage::Powershell => ScriptLanguage::Powershell,
    };
    Script { language, text: script.text.clone() }
}
