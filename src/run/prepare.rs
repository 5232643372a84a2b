//! Before a step's first phase: its arguments, the body for this host, what its programs get. Changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::arguments::{self, Bound, Stage};
use super::context::Context;
use super::errors::StepError;
use super::facts;
use super::link::Link;
use super::ports::Answer;
use super::results::{Own, Results};
use super::schedule_data::Actor;
use super::scope::{ActionScope, RunScope};
use super::templates::{TemplateContext, render};
use crate::base::hex::hex;
use crate::base::ids::{BindingId, HostId};
use crate::base::secret::Secret;
use crate::eval::eval_condition;
use crate::eval::fits::fits;
use crate::hir::program::{Action, ActionBody, Impl, Platform};
use crate::hir::types::Os;
use crate::hir::value::{FileRef, Value};
use crate::hir::world::LaneKind;
use crate::plan::model::Step;
use sha2::Digest;

/// A step bound to one actor, ready for its phases.
pub struct Prepared<'a> {
    pub step: &'a Step,
    pub action: &'a Action,
    pub body: &'a Impl,
    pub params: Vec<(BindingId, Value)>,
    pub bound: Bound,
    /// A template's text, where the action renders one.
    pub rendered: Option<Rendered>,
    pub user: Option<String>,
    pub facts: Value,
    /// On whose behalf; where it runs is the link's business.
    pub actor: Actor,
    /// Where it runs, for which its action's own expressions are.
    pub machine: Option<HostId>,
    /// The machine's name, where it is not the actor's own.
    pub ran_at: Option<String>,
}

impl Prepared<'_> {
    pub fn scope<'a>(&'a self, context: &'a Context, before: &'a Value, after: &'a Value) -> ActionScope<'a> {
        ActionScope {
            inventory: &context.inventory,
            files: context.files.as_ref(),
            secrets: &context.secrets,
            host: self.machine.or(self.actor.host()),
            params: &self.params,
            before,
            after,
            facts: &self.facts,
        }
    }

    /// A parameter that is a text in the open.
    pub fn text(&self, name: &str) -> Option<&str> {
        let binding = self.action.params.iter().find(|param| param.name == name)?.binding;
        self.params.iter().find(|(param, _)| *param == binding)?.1.as_str()
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.step.timeout)
    }

    pub fn on_controller(&self) -> bool {
        self.body.platform == Platform::Controller
    }
}

/// Whose step it is, and what its expressions see.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub actor: Actor,
    pub published: &'a Results,
    pub own: &'a Own,
    /// The hosts of the batch, in `after batch`.
    pub batch: &'a [HostId],
    /// See [`RunScope::foreseen`].
    pub foreseen: Option<&'a BTreeSet<BindingId>>,
}

impl<'a> Surroundings<'a> {
    /// `it` is there only in attributes of a step.
    pub fn scope(&self, context: &'a Context, it: Option<&'a Value>) -> RunScope<'a> {
        RunScope {
            plan: &context.plan,
            inventory: &context.inventory,
            files: context.files.as_ref(),
            secrets: &context.secrets,
            published: self.published,
            own: self.own,
            host: self.actor.host(),
            batch: self.batch,
            foreseen: self.foreseen,
            it,
        }
    }
}

pub async fn prepare<'a>(
    context: &'a Context,
    link: &mut Link,
    step: &'a Step,
    around: Surroundings<'_>,
) -> Result<Prepared<'a>, StepError> {
    let action = context.action(step);
    let actor = around.actor;
    let host = actor.host();
    let mut params = arguments::evaluate(step, action, &around.scope(context, None))?;
    let body = choose(context, link, action).await?;
    let facts = link.facts.clone().unwrap_or(Value::None);
    check_secrets(context, action, &params)?;
    check_scripts(action, &params, body)?;
    check_meaning(step, action, &params, body)?;
    let user = step.user_on(context.machine(link));
    let on_controller = body.platform == Platform::Controller;
    let rendered = render_file(context, action, &mut params, host).await?;
    let bound = if on_controller {
        Bound::default()
    } else {
        let mut stager = Stager { context, link, user: user.as_deref(), rendered: rendered.as_ref() };
        arguments::bind(context, (action, body.platform), &params, &mut stager).await?
    };
    let user = if on_controller { None } else { user };
    let ran_at = context.ran_at(step, link, on_controller, actor);
    let machine = link.machine.filter(|_| !on_controller);
    Ok(Prepared { step, action, body, params, bound, rendered, user, facts, actor, machine, ran_at })
}

/// The first body whose platform and `where` fit. Facts are read only where a body depends on them.
async fn choose<'a>(context: &Context, link: &mut Link, action: &'a Action) -> Result<&'a Impl, StepError> {
    if matches!(action.body, ActionBody::Steps { .. }) {
        return Err(StepError::Composite { action: action.name.clone() });
    }
    if let Some(body) = action.impls().iter().find(|body| body.platform == Platform::Controller) {
        return Ok(body);
    }
    let no_body = |os, conditions| StepError::NoBody { action: action.name.clone(), os, conditions };
    let Some(host) = context.machine(link) else { return Err(no_body("the controller", false)) };
    let conditional = action.impls().iter().any(|body| body.condition.is_some());
    // Without a POSIX shell nothing tells what it is.
    let is_mute = host.connection.lane == LaneKind::Raw;
    let facts =
        if conditional || (host.os.is_none() && !is_mute) { facts::gather(context, link).await? } else { Value::None };
    let os = host.os.or_else(|| facts::os_of(&facts)).unwrap_or(Os::Linux);
    let scope = ActionScope {
        inventory: &context.inventory,
        files: context.files.as_ref(),
        secrets: &context.secrets,
        host: None,
        params: &[],
        before: &Value::None,
        after: &Value::None,
        facts: &facts,
    };
    let mut conditions = false;
    for body in action.impls().iter().filter(|body| body.platform.runs_on(os)) {
        let holds = match &body.condition {
            None => Some(true),
            Some(condition) => eval_condition(condition, &scope).map_err(StepError::Expression)?,
        };
        if holds == Some(true) {
            return Ok(body);
        }
        conditions = true;
    }
    Err(no_body(os.name(), conditions))
}

/// That the host reads the scripts that it gets.
fn check_scripts(action: &Action, params: &[(BindingId, Value)], body: &Impl) -> Result<(), StepError> {
    let wanted = body.platform.language();
    if body.platform == Platform::Controller {
        return Ok(());
    }
    for (param, (_, value)) in action.params.iter().zip(params) {
        if let Value::Script(script) = value
            && script.language != wanted
        {
            return Err(StepError::ScriptOfOther { param: param.name.clone(), wanted: wanted.name() });
        }
    }
    Ok(())
}

/// That no argument is given that means nothing here.
fn check_meaning(step: &Step, action: &Action, params: &[(BindingId, Value)], body: &Impl) -> Result<(), StepError> {
    let Some(os) = Os::ALL.into_iter().find(|os| body.platform.runs_on(*os)) else { return Ok(()) };
    for place in action.meaningless_on(os) {
        let is_given = step.args.get(place).is_some_and(|arg| !arg.from_default);
        if let (Some((_, value)), Some(param)) = (params.get(place), action.params.get(place))
            && is_given
            && !value.is_none()
        {
            return Err(StepError::Meaningless { param: param.name.clone(), os: os.name() });
        }
    }
    Ok(())
}

/// That the texts of secrets are of their parameters' types.
fn check_secrets(context: &Context, action: &Action, params: &[(BindingId, Value)]) -> Result<(), StepError> {
    for (param, (_, value)) in action.params.iter().zip(params) {
        if let Value::Secret(reference) = value {
            let text = context.secret(reference)?;
            let value = Value::String(text.expose().clone());
            let is_fitting = fits(&value, &param.ty).is_ok();
            if let Value::String(copy) = value {
                drop(Secret::new(copy));
            }
            if !is_fitting {
                return Err(StepError::SecretMisfit { param: param.name.clone(), ty: param.ty.to_string() });
            }
        }
    }
    Ok(())
}

/// Content made here, which the project's store does not have.
pub struct Rendered {
    pub file: FileRef,
    pub content: Vec<u8>,
    /// Made with secrets: its text, which is never staged as a file, and whose hash is not shown.
    pub secret: Option<Secret<String>>,
}

/// For actions that say `renders: "from"`: the parameter's file becomes the rendered one, hash included.
async fn render_file(
    context: &Context,
    action: &Action,
    params: &mut [(BindingId, Value)],
    host: Option<HostId>,
) -> Result<Option<Rendered>, StepError> {
    let Some(index) = action.renders else { return Ok(None) };
    let named = |name: &str| {
        let position = action.params.iter().position(|param| param.name == name)?;
        params.get(position).map(|(_, value)| value.clone())
    };
    let vars = named("vars").unwrap_or(Value::None);
    let mut secrets = Vec::new();
    if let Some(Value::Record(entries)) = named("secrets") {
        for (name, value) in entries {
            let text = match &value {
                Value::Secret(reference) => context.secret(reference)?.expose().clone(),
                plain => arguments::text_of(plain, &context.inventory),
            };
            secrets.push((name, text));
        }
    }
    let Some((_, Value::File(file))) = params.get(index) else { return Ok(None) };
    let file = file.clone();
    let source = context.content(&file.sha256).await?;
    let source = String::from_utf8(source).map_err(|_| StepError::Template {
        file: file.path.clone(),
        line: None,
        reason: "a template is UTF-8 text".to_string(),
    })?;
    let template = TemplateContext { inventory: &context.inventory, host, vars: &vars, secrets: &secrets };
    let text = render(&file.path, &source, &template)?;
    let secret = (!secrets.is_empty()).then(|| Secret::new(text.clone()));
    let content = text.into_bytes();
    let sha256 = hex(&sha2::Sha256::digest(&content));
    let file = FileRef { path: file.path, sha256, size: content.len() as u64 };
    if let Some((_, value)) = params.get_mut(index) {
        *value = Value::File(file.clone());
    }
    Ok(Some(Rendered { file, content, secret }))
}

struct Stager<'a> {
    context: &'a Context,
    link: &'a mut Link,
    user: Option<&'a str>,
    rendered: Option<&'a Rendered>,
}

impl Stage for Stager<'_> {
    fn stage<'b>(&'b mut self, file: &'b FileRef) -> Answer<'b, Result<String, StepError>> {
        Box::pin(async move {
            let stored;
            let content = match self.rendered.filter(|rendered| rendered.file.sha256 == file.sha256) {
                Some(rendered) => &rendered.content,
                None => {
                    stored = self.context.content(&file.sha256).await?;
                    &stored
                }
            };
            self.link.stage(self.context, self.user, (content, &file.sha256)).await
        })
    }

    fn secret_text(&self, file: &FileRef) -> Option<Secret<String>> {
        self.rendered.filter(|rendered| rendered.file.sha256 == file.sha256)?.secret.clone()
    }
}
