//! Renders a file of the project as a template with the step's `vars`, its secrets and the host. Knows no session.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value as TemplateValue};

use super::errors::StepError;
use super::template_filters;
use crate::base::ids::HostId;
use crate::eval::text::value_text;
use crate::hir::value::Value;
use crate::hir::world::{Host, Inventory};

/// What a template sees: `vars`, `secrets` and `host`, and each variable by its own name.
pub struct TemplateContext<'a> {
    pub inventory: &'a Inventory,
    pub host: Option<HostId>,
    pub vars: &'a Value,
    /// Already resolved; the rendered text is as secret as they are.
    pub secrets: &'a [(String, String)],
}

/// The rendered text. A name that is not there is an error with its line, never an empty text.
pub fn render(file: &str, source: &str, context: &TemplateContext<'_>) -> Result<String, StepError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    template_filters::add(&mut environment);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let refuse = |error: minijinja::Error| template_error(file, &error);
    let syntax = SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build().map_err(refuse)?;
    environment.set_syntax(syntax);
    environment.add_template(file, source).map_err(refuse)?;
    let template = environment.get_template(file).map_err(refuse)?;
    template.render(context.value()).map_err(refuse)
}

fn template_error(file: &str, error: &minijinja::Error) -> StepError {
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "a name in this line is not among the template's `vars`".to_string(),
        (kind, None) => kind.to_string(),
        (_, Some(detail)) => detail.to_string(),
    };
    StepError::Template { file: file.to_string(), line: error.line(), reason }
}

impl TemplateContext<'_> {
    fn value(&self) -> TemplateValue {
        let mut entries: Vec<(String, TemplateValue)> = Vec::new();
        if let Value::Record(fields) = self.vars {
            entries.extend(fields.iter().map(|(name, value)| (name.clone(), self.convert(value))));
        }
        let secrets = self.secrets.iter().map(|(name, text)| (name.clone(), text.clone()));
        entries.push(("vars".to_string(), self.convert(self.vars)));
        entries.push(("secrets".to_string(), TemplateValue::from_pairs(secrets)));
        entries.push(("host".to_string(), self.host.map_or(TemplateValue::UNDEFINED, |host| self.host_value(host))));
        TemplateValue::from_pairs(entries)
    }

    fn convert(&self, value: &Value) -> TemplateValue {
        match value {
            Value::None | Value::Secret(_) => TemplateValue::from(()),
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) | Value::Percent(value) => (*value).into(),
            Value::Host(host) => self.host_value(*host),
            Value::Hosts(hosts) => hosts.iter().map(|host| self.host_value(*host)).collect::<Vec<_>>().into(),
            Value::List(items) => items.iter().map(|item| self.convert(item)).collect::<Vec<_>>().into(),
            Value::Record(fields) => {
                TemplateValue::from_pairs(fields.iter().map(|(name, value)| (name.clone(), self.convert(value))))
            }
            other => value_text(other, self.inventory).unwrap_or_default().into(),
        }
    }

    fn host_value(&self, id: HostId) -> TemplateValue {
        let host: &Host = self.inventory.hosts.at(id);
        let os = host.os.map_or(TemplateValue::from(()), |os| os.name().into());
        TemplateValue::from_pairs([
            ("name", host.name.as_str().into()),
            ("address", host.address.as_str().into()),
            ("os", os),
            ("tags", self.convert(&Value::Record(host.tags.clone()))),
            ("vars", self.convert(&Value::Record(host.vars.clone()))),
            ("groups", host.groups.iter().map(|group| TemplateValue::from(group.as_str())).collect::<Vec<_>>().into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str, vars: Vec<(&str, Value)>) -> String {
        let vars = Value::Record(vars.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
        let context = TemplateContext {
            inventory: &Inventory::default(),
            host: None,
            vars: &vars,
            secrets: &[("token".to_string(), "s3cret".to_string())],
        };
        render("app.conf", source, &context).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn templates_are_strict_unescaped_and_trim_blocks() {
        let vars = || vec![("port", Value::Int(8080)), ("name", Value::string("a<b"))];
        assert_eq!(rendered("port {{ vars.port }} {{ name }}\n", vars()), "port 8080 a<b\n");
        assert_eq!(rendered("{% if port > 1 %}\nx\n{% endif %}\n", vars()), "x\n");
        assert_eq!(rendered("{{ secrets.token }}", vars()), "s3cret");
        assert!(rendered("a\n{{ vars.prot }}\n", vars()).starts_with("app.conf:2: "));
        assert!(rendered("{{ unclosed", vars()).starts_with("app.conf:1: "));
    }
}
