//! A tree as nodes with facts: what a reviewer of a program speaks of, without spans, comments or spelling.
//! Knows nothing of a second tree; `changes` compares two of them.

use super::ast::*;
use super::canonical::{expr_text, script_text, string_text, type_text};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeKind {
    Use,
    Type,
    Function,
    Action,
    Playbook,
    Parameter,
    Implementation,
    Block,
    Step,
    Approval,
    Let,
    If,
    Branch,
    Loop,
    Require,
    Rollback,
    Clause,
}

impl NodeKind {
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Use => "use",
            NodeKind::Type => "type",
            NodeKind::Function => "function",
            NodeKind::Action => "action",
            NodeKind::Playbook => "playbook",
            NodeKind::Parameter => "parameter",
            NodeKind::Implementation => "implementation",
            NodeKind::Block => "block",
            NodeKind::Step => "step",
            NodeKind::Approval => "approval",
            NodeKind::Let => "let",
            NodeKind::If => "if",
            NodeKind::Branch => "branch",
            NodeKind::Loop => "loop",
            NodeKind::Require => "require",
            NodeKind::Rollback => "rollback",
            NodeKind::Clause => "clause",
        }
    }

    /// Whether its place among its neighbours means something.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(
            self,
            NodeKind::Use
                | NodeKind::Type
                | NodeKind::Function
                | NodeKind::Action
                | NodeKind::Playbook
                | NodeKind::Parameter
                | NodeKind::Implementation
                | NodeKind::Let
                | NodeKind::Branch
                | NodeKind::Clause
        )
    }
}

/// What can be said of a node by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// `batch`, `argument mode`, `effects`.
    pub label: String,
    /// In canonical form.
    pub text: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub kind: NodeKind,
    /// As people speak of it: `service.restart#2`, `on app`.
    pub name: String,
    /// The name that was given to it, which is the same node's wherever it stands.
    pub(super) given: Option<String>,
    /// What it may be taken for where no name says so: a step's action.
    pub(super) class: String,
    /// Sorted by label.
    pub facts: Vec<Fact>,
    pub children: Vec<Node>,
    /// The expression that chooses hosts: of a block, or a default of a parameter of hosts.
    pub hosts: Option<Expr>,
}

impl Node {
    fn new(kind: NodeKind, name: impl Into<String>) -> Node {
        let name = name.into();
        let (class, facts, children) = (String::new(), Vec::new(), Vec::new());
        Node { kind, name, given: None, class, facts, children, hosts: None }
    }

    fn given(mut self, name: &str) -> Node {
        self.given = Some(name.to_string());
        self
    }

    fn class(mut self, class: impl Into<String>) -> Node {
        self.class = class.into();
        self
    }

    fn fact(mut self, label: impl Into<String>, text: impl Into<String>) -> Node {
        self.facts.push(Fact { label: label.into(), text: text.into() });
        self.facts.sort_by(|left, right| left.label.cmp(&right.label));
        self
    }

    fn children(mut self, children: Vec<Node>) -> Node {
        self.children = children;
        self
    }

    pub fn text(&self, label: &str) -> Option<&str> {
        self.facts.iter().find(|fact| fact.label == label).map(|fact| fact.text.as_str())
    }

    /// The same thing, whatever number it has.
    pub(super) fn is_same(&self, other: &Node) -> bool {
        self.kind == other.kind
            && self.given == other.given
            && self.class == other.class
            && self.facts == other.facts
            && self.children.len() == other.children.len()
            && self.children.iter().zip(&other.children).all(|(left, right)| left.is_same(right))
    }
}

/// The items of a file.
pub fn outline(file: &File) -> Vec<Node> {
    file.items.iter().map(item).collect()
}

fn item(item: &Item) -> Node {
    match item {
        Item::Use(item) => {
            let source = match &item.source {
                UseSource::Path(path) => string_text(path),
                UseSource::Name(name) => name.text(),
            };
            let alias = item.alias.as_ref().map_or_else(|| source.clone(), |alias| alias.text.clone());
            Node::new(NodeKind::Use, alias.clone()).given(&alias).fact("source", source)
        }
        Item::Type(item) => {
            let name = &item.name.text;
            Node::new(NodeKind::Type, name.clone()).given(name).fact("definition", type_text(&item.ty))
        }
        Item::Function(item) => {
            let name = &item.name.text;
            Node::new(NodeKind::Function, name.clone()).given(name).fact("script", script_text(&item.script))
        }
        Item::Action(item) => action(item),
        Item::Playbook(item) => playbook(item),
    }
}

fn playbook(playbook: &Playbook) -> Node {
    let name = &playbook.name.text;
    let mut steps = StepNames::default();
    let mut children: Vec<Node> = playbook.params.iter().map(param).collect();
    children.extend(steps.block(&playbook.body));
    let node = Node::new(NodeKind::Playbook, name.clone()).given(name).fact("effects", effects(&playbook.effects));
    with_attrs(node, &playbook.attrs).children(children)
}

fn action(action: &Action) -> Node {
    let name = action.name.text();
    let mut children: Vec<Node> = action.params.iter().map(param).collect();
    match &action.body {
        ActionBody::Steps(block) => children.extend(StepNames::default().block(block)),
        ActionBody::Impls(impls) => children.extend(impls.iter().map(implementation)),
    }
    let mut node = Node::new(NodeKind::Action, name.clone()).given(&name).fact("effects", effects(&action.effects));
    if let Some(result) = &action.result {
        node = node.fact("result", type_text(result));
    }
    with_attrs(node, &action.attrs).children(children)
}

fn implementation(each: &Impl) -> Node {
    let condition = each.condition.as_ref().map(expr_text);
    let name = condition.as_ref().map_or_else(String::new, |condition| format!(" where {condition}"));
    let name = format!("{}{name}", each.platform.text);
    let mut node = Node::new(NodeKind::Implementation, name.clone()).given(&name).class(each.platform.text.clone());
    for phase in &each.phases {
        let label = match phase.kind {
            PhaseKind::Check => "check",
            PhaseKind::Apply => "apply",
            PhaseKind::Verify => "verify",
            PhaseKind::Rollback => "rollback",
        };
        let text = match &phase.body {
            PhaseBody::Script(script) => script_text(script),
            PhaseBody::Native(name) => format!("native {}", string_text(name)),
        };
        node = node.fact(label, text);
    }
    node
}

fn param(param: &Param) -> Node {
    let name = &param.name.text;
    let ty = type_text(&param.ty);
    let mut node = Node::new(NodeKind::Parameter, name.clone()).given(name);
    if let Some(default) = &param.default {
        node = node.fact("default", expr_text(default));
        node.hosts = is_hosts(&param.ty).then(|| default.clone());
    }
    node.fact("type", ty)
}

fn is_hosts(ty: &Type) -> bool {
    matches!(&ty.kind, TypeKind::Name { name, .. } if name.text == "hosts" || name.text == "host")
}

/// The level first, and `read` only where it stands alone: as rows are shown everywhere.
fn effects(effects: &Option<Effects>) -> String {
    const ORDER: [&str; 6] = ["destroy", "change", "read", "admin", "network", "exec"];
    let names = effects.iter().flat_map(|effects| &effects.names).map(|name| name.text.as_str());
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| (ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()), *name));
    names.dedup();
    if names.len() > 1 {
        names.retain(|name| *name != "read");
    }
    if names.is_empty() { "read".to_string() } else { names.join(", ") }
}

/// What an attribute or an option says that is said by nothing else too.
const DEFAULTS: [(&str, &str); 4] =
    [("max_failures", "0"), ("include_failed", "false"), ("allow_failure", "false"), ("retry", "0")];

fn with_attrs(mut node: Node, attrs: &[Attr]) -> Node {
    for attr in attrs {
        let otherwise = attr.otherwise.as_ref().map(|message| format!(" else {}", string_text(message)));
        let text = format!("{}{}", expr_text(&attr.value), otherwise.unwrap_or_default());
        node = with_option(node, &attr.label.text, text);
    }
    node
}

fn with_options(node: Node, options: &[Named]) -> Node {
    options.iter().fold(node, |node, option| with_option(node, &option.label.text, expr_text(&option.value)))
}

fn with_option(node: Node, label: &str, text: String) -> Node {
    let is_default = DEFAULTS.iter().any(|(known, default)| *known == label && *default == text);
    if is_default { node } else { node.fact(label, text) }
}

/// Counts steps by action, for names such as `service.restart#2`.
#[derive(Default)]
struct StepNames {
    seen: Vec<(String, usize)>,
}

impl StepNames {
    fn next(&mut self, action: String) -> String {
        match self.seen.iter_mut().find(|(known, _)| *known == action) {
            Some((_, count)) => {
                *count += 1;
                format!("{action}#{count}")
            }
            None => {
                self.seen.push((action.clone(), 1));
                action
            }
        }
    }

    fn block(&mut self, block: &Block) -> Vec<Node> {
        let mut nodes: Vec<Node> = block.statements.iter().map(|statement| self.statement(statement)).collect();
        for clause in &block.clauses {
            let name = match clause.kind {
                ClauseKind::OnFailure => "on failure",
                ClauseKind::AfterBatch => "after batch",
                ClauseKind::Always => "always",
            };
            nodes.push(Node::new(NodeKind::Clause, name).given(name).class(name).children(self.block(&clause.body)));
        }
        nodes
    }

    fn statement(&mut self, statement: &Statement) -> Node {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                Node::new(NodeKind::Let, name.text.clone()).given(&name.text).fact("value", expr_text(value))
            }
            StatementKind::On { binding, hosts, options, body } => {
                let node = self.headed("on", hosts, options, body);
                match binding {
                    Some(binding) => node.given(&binding.text).fact("name", binding.text.clone()),
                    None => node,
                }
            }
            StatementKind::At { host, options, body } => self.headed("at", host, options, body),
            StatementKind::Repeat { options, body } => self.looped("repeat", options, body),
            StatementKind::Parallel { body } => self.looped("parallel", &[], body),
            StatementKind::For { name, list, body } => {
                let head = format!("for {}", name.text);
                let node = Node::new(NodeKind::Loop, head).class("for").fact("list", expr_text(list));
                node.fact("name", name.text.clone()).children(self.block(body))
            }
            StatementKind::If { condition, then, otherwise } => self.condition(condition, then, otherwise.as_ref()),
            StatementKind::Require { condition, otherwise } => {
                let condition = expr_text(condition);
                let node = Node::new(NodeKind::Require, format!("require {condition}")).class("require");
                node.fact("condition", condition).fact("message", string_text(otherwise))
            }
            StatementKind::SkipIf { condition, reason } => {
                let condition = expr_text(condition);
                let node = Node::new(NodeKind::Require, format!("skip if {condition}")).class("skip");
                node.fact("condition", condition).fact("reason", string_text(reason))
            }
            StatementKind::Rollback { scope } => {
                let scope = match scope {
                    RollbackScope::Host => "host",
                    RollbackScope::Batch => "batch",
                    RollbackScope::All => "all",
                };
                Node::new(NodeKind::Rollback, "rollback").class("rollback").fact("scope", scope)
            }
            StatementKind::Step(step) => self.step(step),
        }
    }

    fn headed(&mut self, word: &str, hosts: &Expr, options: &[Named], body: &Block) -> Node {
        let text = expr_text(hosts);
        let mut node = Node::new(NodeKind::Block, format!("{word} {text}")).class(word).fact("hosts", text);
        node.hosts = Some(hosts.clone());
        with_options(node, options).children(self.block(body))
    }

    fn looped(&mut self, word: &str, options: &[Named], body: &Block) -> Node {
        with_options(Node::new(NodeKind::Loop, word).class(word), options).children(self.block(body))
    }

    fn condition(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Else>) -> Node {
        let text = expr_text(condition);
        let mut children = self.block(then);
        let otherwise = match otherwise {
            Some(Else::Block(block)) => Some(self.block(block)),
            Some(Else::If(statement)) => Some(vec![self.statement(statement)]),
            None => None,
        };
        children.extend(otherwise.map(|nodes| Node::new(NodeKind::Branch, "else").given("else").children(nodes)));
        Node::new(NodeKind::If, format!("if {text}")).class("if").fact("condition", text).children(children)
    }

    fn step(&mut self, step: &Step) -> Node {
        let action = step.action.text();
        let kind = if action == "approve" { NodeKind::Approval } else { NodeKind::Step };
        let mut node = match &step.binding {
            Some(binding) => {
                Node::new(kind, binding.text.clone()).given(&binding.text).fact("name", binding.text.clone())
            }
            None => Node::new(kind, self.next(action.clone())),
        };
        node = node.class(action.clone()).fact("action", action);
        for arg in &step.args {
            node = match arg {
                Arg::Named(named) => node.fact(format!("argument {}", named.label.text), expr_text(&named.value)),
                Arg::Positional(value) => node.fact("argument", expr_text(value)),
            };
        }
        with_attrs(node, &step.attrs)
    }
}

/// An expression that chooses hosts as text, with the defaults of a playbook's parameters of hosts in their places.
pub fn hosts_text(hosts: &Expr, playbook: &Node) -> String {
    expr_text(&with_defaults(hosts, playbook))
}

fn with_defaults(expr: &Expr, playbook: &Node) -> Expr {
    let inner = |expr: &Expr| Box::new(with_defaults(expr, playbook));
    let kind = match &expr.kind {
        ExprKind::Name(name) => {
            let is_named = |node: &&Node| node.kind == NodeKind::Parameter && node.name == name.text;
            match playbook.children.iter().find(is_named).and_then(|node| node.hosts.clone()) {
                Some(default) => default.kind,
                None => expr.kind.clone(),
            }
        }
        ExprKind::Binary { operator, operator_span, left, right } => {
            let (operator, operator_span) = (*operator, *operator_span);
            ExprKind::Binary { operator, operator_span, left: inner(left), right: inner(right) }
        }
        ExprKind::Where { hosts, condition } => ExprKind::Where { hosts: inner(hosts), condition: condition.clone() },
        ExprKind::Parenthesized(expr) => ExprKind::Parenthesized(inner(expr)),
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}
