//! The keys of maps are judged wherever they come from: in data files, with their place, and in what is given to a run.

use super::project::Project;

const PORTS: &str = "\
ops 1

playbook ports(
  names: map<string(/[0-9]+/), \"http\" | \"ssh\"> = load(\"data/ports.yaml\"),
) ! read {
  require names[\"80\"] == \"http\" else \"port 80 is {names}\"
}
";

#[test]
fn keys_of_data_and_of_inputs_fit_their_type() {
    let project = Project::new();
    project.write("ports.ops", &PORTS.replace("{names}", "another"));
    project.write("data/ports.yaml", "80: http\n22: ssh\n");
    let planned = project.opsc(&["plan", "ports.ops", "--offline"]);
    assert_eq!(planned.code, 0, "{planned:?}");

    project.write("data/ports.yaml", "80: http\nssh: ssh\n");
    let checked = project.opsc(&["check", "ports.ops"]);
    assert_eq!(checked.code, 11, "{checked:?}");
    assert!(checked.stderr.contains("data/ports.yaml:2:1"), "{}", checked.stderr);
    assert!(checked.stderr.contains("the key `ssh`: expected text like /[0-9]+/"), "{}", checked.stderr);

    project.write("data/ports.yaml", "80: http\n");
    project.write("given.yaml", "names:\n  web: http\n");
    let given = project.opsc(&["plan", "ports.ops", "--offline", "--var-file", "given.yaml"]);
    assert_ne!(given.code, 0, "{given:?}");
    assert!(given.stderr.contains("the key `web`: expected text like /[0-9]+/"), "{given:?}");
}
