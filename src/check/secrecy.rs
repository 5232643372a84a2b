//! Secrets in expressions: which functions they go through, what would look into one, where one came from.
//! Knows nothing of providers but their names.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::secrecy::SecrecyError;
use super::expressions::{Wanted, error_expr};
use crate::base::reference::{PROVIDERS, is_variable, split_keyring, split_vault};
use crate::base::source::Span;
use crate::eval::secrets::keeps_secret;
use crate::hir::expr::{Expr, ExprKind, Function};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast;

impl Checker<'_> {
    /// Refuses what would tell something of a secret among these; whether it did.
    pub(super) fn refuse_looking_into(&mut self, what: &str, parts: &[&Expr], span: Span, scope: &Scope) -> bool {
        let Some(secret) = parts.iter().find(|part| part.ty.carries_secret()) else { return false };
        let origin = secret_origin(secret, scope).filter(|origin| *origin != span);
        self.report(SecrecyError::LookedInto { what: what.to_string(), span, origin }.diagnostic());
        true
    }

    /// Whether a function may have these arguments; every function but a few would tell something of a secret.
    pub(super) fn refuse_function_of_secret(
        &mut self,
        name: &ast::Name,
        function: Function,
        args: &[Expr],
        scope: &Scope,
    ) -> bool {
        let is_allowed = |arg: &Expr| {
            // How many secrets a list has is no secret.
            let counts_only = matches!(function, Function::Length | Function::Flatten);
            !arg.ty.carries_secret() || if arg.ty.is_secret() { keeps_secret(function) } else { counts_only }
        };
        let refused: Vec<&Expr> = args.iter().filter(|arg| !is_allowed(arg)).collect();
        self.refuse_looking_into(&name.text, &refused, name.span, scope)
    }

    /// `secret("env:NAME")`: written out, of a provider that there is.
    pub(super) fn check_reference(&mut self, args: &[Expr]) {
        let Some(arg) = args.first() else { return };
        let span = arg.span;
        let ExprKind::Literal(Value::String(reference)) = &arg.kind else {
            if arg.ty != Type::Error {
                self.report(SecrecyError::NotWrittenOut { span }.diagnostic());
            }
            return;
        };
        let (provider, name) = reference.split_once(':').unwrap_or(("", reference));
        let error = match provider {
            "env" if !is_variable(name) => SecrecyError::NotVariable { name: name.to_string(), span },
            "file" if name.is_empty() => SecrecyError::NotVariable { name: name.to_string(), span },
            "vault" if split_vault(name).is_none() => SecrecyError::NotOfVault { name: name.to_string(), span },
            "keyring" if split_keyring(name).is_none() => SecrecyError::NotOfKeyring { name: name.to_string(), span },
            "age" => match self.unknown_sealed(name, span) {
                Some(error) => error,
                None => return,
            },
            "command" if !self.input.secret_commands.iter().any(|known| known == name) => {
                let known = self.input.secret_commands.to_vec();
                SecrecyError::UnknownCommand { name: name.to_string(), known, span }
            }
            known if PROVIDERS.contains(&known) => return,
            _ => SecrecyError::UnknownProvider { reference: reference.clone(), known: &PROVIDERS, span },
        };
        self.report(error.diagnostic());
    }

    /// What `age:FILE/NAME` names and is not there, or not to be read.
    fn unknown_sealed(&self, reference: &str, span: Span) -> Option<SecrecyError> {
        let files = self.input.secret_files;
        let Some((file, name)) = reference.split_once('/').filter(|(file, name)| !file.is_empty() && !name.is_empty())
        else {
            return Some(SecrecyError::NotVariable { name: reference.to_string(), span });
        };
        let Some(names) = files.get(file) else {
            let known = files.keys().cloned().collect();
            return Some(SecrecyError::UnknownSealedFile { file: file.to_string(), known, span });
        };
        match names {
            Err(reason) => Some(SecrecyError::UnreadableSealed { reason: reason.clone(), span }),
            Ok(names) if names.iter().any(|known| known == name) => None,
            Ok(names) => Some(SecrecyError::UnknownSealed {
                file: file.to_string(),
                name: name.to_string(),
                known: names.clone(),
                span,
            }),
        }
    }

    /// `declassify(x, because: "…")`: the one way back from a secret, with a reason that the plan shows.
    pub(super) fn check_declassify(
        &mut self,
        args: &[ast::Arg],
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let [ast::Arg::Positional(secret), ast::Arg::Named(because)] = args else {
            self.report(SecrecyError::BadDeclassify { span }.diagnostic());
            return error_expr(span);
        };
        let secret = self.check_expr(secret, Wanted::default(), scope, context);
        let reason = self.expect_expr(&because.value, Wanted::of(&Type::String), scope, context);
        let has_reason = matches!(&reason.kind, ExprKind::Literal(Value::String(text)) if !text.trim().is_empty());
        let ty = match secret.ty.clone() {
            Type::Secret(inner) if because.label.text == "because" && has_reason => *inner,
            Type::Error => return error_expr(span),
            _ => {
                self.report(SecrecyError::BadDeclassify { span }.diagnostic());
                return error_expr(span);
            }
        };
        Expr { kind: ExprKind::Call { function: Function::Declassify, args: vec![secret, reason] }, ty, span }
    }

    /// A result is kept in the journal and shown.
    pub(super) fn refuse_secret_result(&mut self, result: &Type, span: Span) {
        if result.carries_secret() {
            self.report(SecrecyError::SecretResult { span }.diagnostic());
        }
    }

    /// `secret<int>` and the like: what comes from a provider is a text.
    pub(super) fn secret_of(&mut self, inner: Type, span: Span) -> Type {
        if matches!(inner.unrefined(), Type::String | Type::Text | Type::Url | Type::Path | Type::Error) {
            return Type::Secret(Box::new(inner));
        }
        self.report(SecrecyError::NoText { found: inner.to_string(), span }.diagnostic());
        Type::Error
    }

    /// The default of a secret parameter as plain text, for everybody to read.
    pub(super) fn warn_secret_in_the_open(&mut self, ty: &Type, default: Option<&Expr>) {
        if let Some(Expr { kind: ExprKind::Literal(Value::String(_)), span, .. }) = default
            && ty.is_secret()
        {
            self.report(SecrecyError::InTheOpen { span: *span }.diagnostic());
        }
    }
}

/// Where a value became secret: the parameter or call that brings the secret in, through every `let` on the way.
pub(super) fn secret_origin(expr: &Expr, scope: &Scope) -> Option<Span> {
    if !expr.ty.carries_secret() {
        return None;
    }
    let first = |parts: &[Expr]| parts.iter().find_map(|part| secret_origin(part, scope));
    match &expr.kind {
        ExprKind::Binding(binding) => {
            let named = scope.bindings.get(*binding).map(|binding| binding.span);
            scope.secret_origins.get(binding).copied().or(named)
        }
        ExprKind::Call { function: Function::Secret, .. } => Some(expr.span),
        ExprKind::Call { args: parts, .. } | ExprKind::Interpolated(parts) | ExprKind::List(parts) => first(parts),
        ExprKind::Record(fields) => fields.iter().find_map(|(_, value)| secret_origin(value, scope)),
        ExprKind::Field(base, _) | ExprKind::Index { base, .. } => secret_origin(base, scope),
        ExprKind::Binary { left, right, .. } => secret_origin(left, scope).or_else(|| secret_origin(right, scope)),
        ExprKind::Aggregate { source, .. } => secret_origin(source, scope),
        _ => None,
    }
}
