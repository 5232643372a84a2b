//! Calls in expressions: functions, aggregates with `it`, methods. Knows nothing of operators.

use super::assign::{accepts, comparable};
use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::errors::steps::StepError;
use super::errors::types::TypeError;
use super::expressions::{Wanted, error_expr};
use super::functions::{self, AGGREGATES, Takes};
use super::members::{self};
use crate::base::source::Span;
use crate::hir::expr::{Expr, ExprKind, Function};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self};

impl Checker<'_> {
    pub(super) fn check_call(
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
        if function.text == "declassify" {
            return self.check_declassify(args, scope, context, span);
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
        if self.refuse_function_of_secret(function, signature.function, &args, scope) {
            return error_expr(span);
        }
        if signature.function == Function::Secret {
            self.check_reference(&args);
        }
        self.check_names_in_inventory(signature.function, &args);
        // How many secrets there are is none of them.
        let counts = signature.function == Function::Length && !args.iter().any(|arg| arg.ty.is_secret());
        let secret = !counts && args.iter().any(|arg| arg.ty.carries_secret());
        let types: Vec<Type> = args.iter().map(|arg| arg.ty.clone()).collect();
        // Nothing more is said of what was reported already, or is not known before the run.
        let is_untyped = signature.takes != Takes::Anything && types.contains(&Type::Error);
        let ty = if is_untyped && !secret { Type::Error } else { functions::result_type(signature, &types) };
        let ty = if secret && !ty.carries_secret() { Type::Secret(Box::new(ty)) } else { ty };
        Expr { kind: ExprKind::Call { function: signature.function, args }, ty, span }
    }

    /// `load("data/x.yaml")`, whose type is the parameter's: nowhere else is one declared.
    pub(super) fn check_load(
        &mut self,
        function: &ast::Name,
        args: &[ast::Arg],
        wanted: Wanted<'_>,
        scope: &mut Scope,
        context: &Context,
    ) -> Expr {
        let span = function.span;
        let args = self.positional(function, args, scope, context);
        if args.len() != 1 {
            self.report_count("load", (1, 1), args.len(), span);
            return error_expr(span);
        }
        let is_path = args.iter().all(|arg| matches!(&arg.kind, ExprKind::Literal(Value::String(_))));
        match wanted.ty.filter(|_| context.in_default && is_path) {
            Some(ty) => Expr { kind: ExprKind::Call { function: Function::Load, args }, ty: ty.clone(), span },
            None => {
                self.report(TypeError::LoadWithoutType { span }.diagnostic());
                error_expr(span)
            }
        }
    }

    pub(super) fn report_count(&mut self, function: &str, (least, most): (usize, usize), found: usize, span: Span) {
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
            // Every result that is there; a `let` of results is not gone over.
            Type::Results(item) if matches!(source.kind, ExprKind::Binding(_)) => (**item).clone(),
            Type::Error => Type::Error,
            other => {
                let (expected, found) = ("a list".to_string(), other.to_string());
                self.report(TypeError::Mismatch { expected, found, span: source.span, definition: None }.diagnostic());
                return error_expr(span);
            }
        };
        let whole = match &source.ty {
            Type::Results(_) => Type::List(Box::new(item.clone())),
            other => other.clone(),
        };
        let inner = Context { it: Some(item), ..context.clone() };
        let body = match aggregate {
            Aggregate::Map | Aggregate::Sort => self.check_expr(body, Wanted::default(), scope, &inner),
            _ => self.expect_condition(body, scope, &inner),
        };
        if aggregate == Aggregate::Sort && self.refuse_looking_into("sort", &[&body], function.span, scope) {
            return error_expr(span);
        }
        let ty = match aggregate {
            Aggregate::Any | Aggregate::All => Type::Bool,
            Aggregate::Count => Type::Int,
            Aggregate::Map => Type::List(Box::new(body.ty.clone())),
            _ => whole,
        };
        let kind = ExprKind::Aggregate { aggregate, source: Box::new(source), body: Some(Box::new(body)) };
        Expr { kind, ty, span }
    }

    /// `web.contains(host)`: what is looked for must be of the kind that the collection holds.
    fn check_contained(&mut self, collection_and_item: &[Expr]) {
        let [collection, item] = collection_and_item else { return };
        if collection.ty.is_optional() {
            let error = TypeError::MayBeAbsent { expected: "a collection".to_string(), span: collection.span };
            self.report(error.diagnostic());
            return;
        }
        let error = match item_type(&collection.ty) {
            Some(expected) if comparable(&expected, &item.ty) => return,
            Some(expected) => TypeError::Mismatch {
                expected: expected.to_string(),
                found: item.ty.to_string(),
                span: item.span,
                definition: None,
            },
            None => TypeError::Mismatch {
                expected: "hosts, a list or a text".to_string(),
                found: collection.ty.to_string(),
                span: collection.span,
                definition: None,
            },
        };
        self.report(error.diagnostic());
    }

    pub(super) fn check_method(
        &mut self,
        base: &ast::Expr,
        method: &ast::Name,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let base = self.check_expr(base, Wanted::default(), scope, context);
        // What was reported already has no value; what is not known before the run has one.
        if base == error_expr(base.span) {
            for arg in args {
                let (ast::Arg::Positional(value) | ast::Arg::Named(ast::Named { value, .. })) = arg;
                self.check_expr(value, Wanted::default(), scope, context);
            }
            return error_expr(span);
        }
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
        self.check_contained(&all);
        if self.refuse_looking_into("contains", &all.iter().collect::<Vec<_>>(), method.span, scope) {
            return error_expr(span);
        }
        Expr { kind: ExprKind::Call { function: Function::Contains, args: all }, ty: Type::Bool, span }
    }
}

/// What a collection can hold; `None` where the type is no collection.
pub(super) fn item_type(collection: &Type) -> Option<Type> {
    match collection.core() {
        Type::List(item) => Some((**item).clone()),
        Type::Map(key, _) => Some((**key).clone()),
        Type::Record(_) => Some(Type::String),
        Type::Hosts(_) => Some(Type::Host),
        Type::String | Type::Text | Type::Path | Type::Url => Some(Type::Text),
        Type::Error => Some(Type::Error),
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
