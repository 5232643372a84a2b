//! What findings say where the code alone leaves somebody helpless.

use super::project::Project;

fn findings(text: &str) -> String {
    let project = Project::new();
    project.write("a.ops", text);
    let checked = project.opsc(&["check", "a.ops"]);
    assert_eq!(checked.code, 11, "{checked:?}");
    checked.stderr + &checked.stdout
}

#[test]
fn a_name_of_the_language_is_told_by_its_meaning() {
    for (name, meaning) in [
        ("after", "`after` is what the `verify` or `check` of an action finds when it is done; choose another name"),
        ("before", "`before` is what the `check` of an action found"),
        ("batch", "`batch` is the hosts of a batch in `after batch`"),
        ("host", "`host` is the current host"),
        ("it", "`it` is what a condition of a step or an aggregate is about"),
        ("facts", "`facts` is what is known of a host's system"),
        ("controller", "`controller` is the machine that opsc runs on"),
    ] {
        for bound in ["file.info(path: \"/x\")", "1"] {
            let word = if bound == "1" { "let " } else { "" };
            let said = findings(&format!(
                "ops 1\n\nplaybook p() ! read {{\n  on host(\"localhost\") {{\n    {word}{name} = {bound}\n  }}\n}}\n"
            ));
            let expected = format!("error[E0106]: `{name}` means something already");
            assert!(said.contains(&expected) && said.contains(meaning), "{said}");
            assert!(!said.contains("bound first here"), "{said}");
        }
    }
    let twice =
        findings("ops 1\n\nplaybook p() ! read {\n  let x = 1\n  let x = 2\n  require x > 0 else \"none\"\n}\n");
    assert!(twice.contains("the name `x` is taken") && twice.contains("bound first here"), "{twice}");
}

#[test]
fn a_called_playbook_with_a_clause_is_told_by_that_clause() {
    for clause in ["always", "on failure"] {
        let said = findings(&format!(
            "ops 1\n\nplaybook look() ! read {{\n  on host(\"localhost\") {{\n    file.info(path: \"/x\")\n  }}\n\n  {clause} {{\n    require true else \"never\"\n  }}\n}}\n\nplaybook p() ! read {{\n  look()\n}}\n"
        ));
        let expected = format!("`look` has an `{clause}` of its own, so it cannot be part of another run");
        assert!(said.contains(&expected) && said.contains("this is about a whole run"), "{said}");
        assert!(said.contains(&format!("write `{clause}` in each caller")), "{said}");
    }
}
