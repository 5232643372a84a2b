//! Operators and `where`: which types they take, and what they give.

use super::assign::{comparable, join};
use super::calls::item_type;
use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::hosts::HostError;
use super::errors::types::TypeError;
use super::expressions::{Wanted, error_expr, literal_value};
use crate::base::source::Span;
use crate::eval::fits::fits;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self, BinaryOperator};

impl Checker<'_> {
    pub(super) fn check_unary(
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
                    _ => {
                        if !matches!(operand.ty.core(), Type::Int | Type::Float | Type::Error) {
                            let (expected, found) = ("a number".to_string(), operand.ty.to_string());
                            let span = operand.span;
                            self.report(TypeError::Mismatch { expected, found, span, definition: None }.diagnostic());
                            return error_expr(span);
                        }
                        Expr { ty: operand.ty.clone(), kind: ExprKind::Negate(Box::new(operand)), span }
                    }
                }
            }
        }
    }

    pub(super) fn check_where(
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
        let ty = match system_implied(&condition) {
            Some((os, true)) => Type::Hosts(Some(os)),
            _ => Type::Hosts(match hosts.ty.core() {
                Type::Hosts(os) => *os,
                _ => None,
            }),
        };
        Expr { kind: ExprKind::Where { hosts: Box::new(hosts), condition: Box::new(condition) }, ty, span }
    }

    pub(super) fn check_binary(
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
        // Whether there is a secret is no secret.
        let asks_absence = matches!(operands.operator, BinaryOperator::Equal | BinaryOperator::NotEqual)
            && (left.ty == Type::None || right.ty == Type::None);
        let is_chosen = operands.operator == BinaryOperator::Default;
        if !asks_absence
            && !is_chosen
            && self.refuse_looking_into(operands.operator.symbol(), &[&left, &right], operands.operator_span, scope)
        {
            return self.check_untyped(operands.operator, left, right, span);
        }
        match operands.operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => self.check_equality(operands, left, right, span),
            BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual => self.check_order(operands, left, right, span),
            BinaryOperator::In => self.check_in(operands, left, right, span),
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
            // Either side may be the value, and one of them is known to be secret.
            _ if left.ty.carries_secret() || right.ty.carries_secret() => Type::Secret(Box::new(Type::Text)),
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

    fn check_in(&mut self, operands: &Operands<'_>, left: Expr, right: Expr, span: Span) -> Expr {
        if !item_type(&right.ty).is_some_and(|item| comparable(&item, &left.ty)) {
            return self.refuse_operands("in", &left, &right, operands.operator_span);
        }
        let optional = left.ty.is_optional() || right.ty.is_optional();
        binary(Operator::In, left, right, if optional { Type::Bool.optional() } else { Type::Bool }, span)
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
            // How often one goes into the other.
            (Type::Duration, Type::Duration) | (Type::Size, Type::Size) if operator == Operator::Divide => {
                Some(Type::Float)
            }
            (Type::Duration, Type::Duration) if operator != Operator::Multiply => Some(Type::Duration),
            (Type::Size, Type::Size) if operator != Operator::Multiply => Some(Type::Size),
            (Type::Duration, Type::Int) if operator == Operator::Multiply => Some(Type::Duration),
            (Type::Size, Type::Int) if operator == Operator::Multiply => Some(Type::Size),
            (Type::List(one), Type::List(two)) if operator == Operator::Add => {
                join(one, two).map(|item| Type::List(Box::new(item)))
            }
            _ => None,
        };
        // What is computed from a secret tells of it.
        let secret = left.ty.carries_secret() || right.ty.carries_secret();
        let ty = ty.map(|ty| if secret && !ty.carries_secret() { Type::Secret(Box::new(ty)) } else { ty });
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
pub(super) struct Operands<'a> {
    pub(super) operator: BinaryOperator,
    pub(super) operator_span: Span,
    pub(super) left: &'a ast::Expr,
    pub(super) right: &'a ast::Expr,
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

/// What a condition that holds says of the system, alone or joined with others by `and`.
pub fn system_implied(condition: &Expr) -> Option<(crate::hir::types::Os, bool)> {
    match &condition.kind {
        ExprKind::Binary { operator: Operator::And, left, right } => {
            system_implied(left).or_else(|| system_implied(right))
        }
        _ => system_compared(condition),
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
