//! The generated pest parser, and the one place that names its rules for people. Nothing above `syntax` sees pest.

use pest_derive::Parser;

#[derive(Parser)]
#[grammar = "../grammar/opsc.pest"]
pub(super) struct Grammar;

/// What a reader would call a rule; `None` for rules that say nothing to them. Exhaustive, so that a new rule gets its word.
pub(super) fn symbol(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::label | Rule::name | Rule::qname => "a name",
        Rule::kw_ops | Rule::edition => "`ops 1`",
        Rule::kw_use | Rule::use_item => "`use`",
        Rule::kw_as => "`as`",
        Rule::kw_type | Rule::type_item => "`type`",
        Rule::kw_action | Rule::action => "`action`",
        Rule::kw_playbook | Rule::playbook => "`playbook`",
        Rule::kw_function | Rule::function => "`function`",
        Rule::kw_steps | Rule::steps_body => "`steps`",
        Rule::kw_native | Rule::native => "`native`",
        Rule::kw_else => "`else`",
        Rule::kw_in => "`in`",
        Rule::kw_if => "`if`",
        Rule::kw_batch => "`batch`",
        Rule::kw_failure => "`failure`",
        Rule::kw_where => "`where`",
        Rule::EOI => "the end of the file",
        Rule::params => "`(` and parameters",
        Rule::param => "a parameter",
        Rule::result_type => "`->` and a type",
        Rule::effects => "`!` and effects",
        Rule::attr | Rule::attr_block => "an attribute",
        Rule::implementation => "a platform",
        Rule::phase | Rule::phase_kind => "`check`, `apply`, `verify` or `rollback`",
        Rule::function_script | Rule::phase_script | Rule::script | Rule::script_language => "a script",
        Rule::body
        | Rule::let_statement
        | Rule::bound
        | Rule::binding
        | Rule::on_block
        | Rule::at_block
        | Rule::if_statement
        | Rule::for_statement
        | Rule::parallel
        | Rule::repeat
        | Rule::require
        | Rule::skip_if
        | Rule::rollback
        | Rule::step
        | Rule::step_open
        | Rule::kw_let
        | Rule::kw_on
        | Rule::kw_at
        | Rule::kw_for
        | Rule::kw_parallel
        | Rule::kw_repeat
        | Rule::kw_require
        | Rule::kw_skip
        | Rule::kw_rollback => "a statement",
        Rule::clause | Rule::clause_head | Rule::on_failure | Rule::after_batch | Rule::kw_always | Rule::kw_after => {
            "a clause"
        }
        Rule::block => "a block in braces",
        Rule::options => "options in parentheses",
        Rule::named => "`name: value`",
        Rule::arg => "an argument",
        Rule::expr
        | Rule::number
        | Rule::constant
        | Rule::list
        | Rule::map
        | Rule::parenthesized
        | Rule::call
        | Rule::call_open
        | Rule::minus
        | Rule::kw_not
        | Rule::duration
        | Rule::size
        | Rule::percent
        | Rule::float
        | Rule::bad_number => "a value",
        Rule::integer => "a number",
        Rule::map_entry => "`key: value`",
        Rule::op_equal
        | Rule::op_not_equal
        | Rule::op_less_equal
        | Rule::op_greater_equal
        | Rule::op_less
        | Rule::op_greater
        | Rule::op_default
        | Rule::op_add
        | Rule::op_subtract
        | Rule::op_intersect
        | Rule::op_multiply
        | Rule::op_divide
        | Rule::kw_and
        | Rule::kw_or => "an operator",
        Rule::raw_string | Rule::quoted | Rule::text_block => "a string",
        Rule::type_expr | Rule::named_type | Rule::record_type | Rule::grouped_type | Rule::literal_int => "a type",
        Rule::type_field => "a field",
        Rule::type_args => "`<` and types",
        Rule::refinement => "a refinement in parentheses",
        Rule::regex => "a pattern in slashes",
        Rule::range | Rule::range_start | Rule::range_end => "a range",
        Rule::hole | Rule::hole_path | Rule::hole_inner | Rule::hole_index | Rule::bad_hole => "a path in braces",
        Rule::method
        | Rule::method_open
        | Rule::field
        | Rule::index
        | Rule::rollback_scope
        | Rule::scope_word
        | Rule::optional_mark
        | Rule::reserved
        | Rule::raw_text
        | Rule::quoted_run
        | Rule::block_run
        | Rule::escape
        | Rule::script_block
        | Rule::script_block_text
        | Rule::script_line
        | Rule::script_line_text
        | Rule::regex_text
        | Rule::file
        | Rule::idc
        | Rule::gap
        | Rule::item
        | Rule::statement
        | Rule::operand
        | Rule::prefix
        | Rule::infix
        | Rule::postfix
        | Rule::primary
        | Rule::digits
        | Rule::string
        | Rule::script_body
        | Rule::type_atom
        | Rule::WHITESPACE
        | Rule::COMMENT => return None,
    })
}
