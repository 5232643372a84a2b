//! A step of another user on a Windows host: the constant texts that make a task of it, and what they are given. Knows
//! nothing of who may do that.

use super::program::{Function, Program, Scalar, Variable, VariableValue};

/// Makes a task of `step`, passes on what it prints, and ends as it ends.
const TASK: &str = include_str!("powershell_task.ps1");
const FOLDER: &str = include_str!("powershell_task_folder.ps1");
const LEAVE: &str = include_str!("powershell_task_leave.ps1");

/// Who does a step, and by what name its task and its folder are found.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub user: &'a str,
    /// Hexadecimal digits that nobody can guess.
    pub token: &'a str,
}

impl Task<'_> {
    /// What the login user's lane does for it.
    pub(super) fn program(&self, step: &str, seconds: u64) -> Program {
        let function = |name: &str, body: &str| Function { name: name.to_owned(), body: body.to_owned() };
        let deadline = VariableValue::Typed(Scalar::Long, seconds.to_string());
        let mut program =
            Program::powershell(TASK).with("user", self.user).with("token", self.token).with("step", step);
        program.variables.push(Variable { name: "deadline".to_owned(), value: deadline });
        program.functions = vec![function("task_folder", FOLDER), function("task_leave", LEAVE)];
        program
    }
}
