//! The actions for Kubernetes and for compose with programs that answer as kubectl and docker are documented to; no cluster is
//! asked, so what is shown here is what is called when, and what is done with the answers.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Said;
use super::system_case::{Case, changed};

const CLUSTER: &str = "mkdir -p /srv/cluster; cat /srv/cluster/*.* 2>/dev/null || true";

fn case() -> Case {
    let case = Case::new();
    let kubectl = include_str!("scripted_kubectl.sh");
    case.host().sh(&format!("cat > /usr/local/bin/kubectl <<'END OF IT'\n{kubectl}\nEND OF IT\nchmod 755 /usr/local/bin/kubectl; mkdir -m 777 /srv/cluster; : > /var/log/calls; chmod 666 /var/log/calls"));
    case
}

/// What runs is compared, and no files: what the programs note is their own.
fn undone_and_done(case: &Case, step: &str, shows: &str, done: &str) {
    case.converges_as_shown(step, shows, |shown| shown == done);
}

fn says(said: &Said, words: &str) {
    assert_eq!((said.code == 0, said.stderr.contains(words)), (false, true), "{said:?}");
}

#[test]
fn manifests_are_applied_and_undone() {
    let case = case();
    let step = "k8s.apply(manifest: file(\"web.yaml\"), namespace: \"shop\", context: \"test\")";
    case.project.write("web.yaml", "Deployment shop web one\nNamespace <none> shop x\n");
    undone_and_done(&case, step, CLUSTER, "Deployment shop web one\nNamespace <none> shop x\n");
    case.project.write("web.yaml", "Deployment shop web two\nNamespace <none> shop x\nService other web y\n");
    let all = "Deployment shop web two\nNamespace <none> shop x\nService other web y\n";
    undone_and_done(&case, step, CLUSTER, all);
    assert!(case.host().sh("cat /var/log/calls").contains("diff --filename"), "kubectl compares");
    let others = case.host().sh("grep -c -v -e '--context test' /var/log/calls || true");
    assert_eq!(others, "0\n", "always in this cluster");

    case.project.write("web.yaml", "Deployment shop web three\nService shop x broken\n");
    says(&case.run(step), "error: x is invalid");
    assert_eq!(case.host().sh(CLUSTER), all);
    case.host().sh("touch /srv/unreachable");
    says(&case.run(step), "The connection to the server localhost:8080 was refused");
    case.host().sh("rm /srv/unreachable; touch /srv/cluster/foreign");
    case.project.write("web.yaml", "Deployment shop web four\n");
    says(&case.run(&format!("{step}\n    require host.name == \"nobody\" else \"stop here\"")), "stop here");
    assert!(case.host().sh(CLUSTER).contains("web four"), "it cannot be undone, and nothing is guessed");
    case.host().sh("rm /usr/local/bin/kubectl");
    says(&case.run(step), "there is no kubectl");
}

#[test]
fn objects_are_looked_at_scaled_restarted_and_deleted() {
    let case = case();
    case.host().sh("echo 'deployment shop web 2' > /srv/cluster/deployment.shop.web; chmod 666 /srv/cluster/*");
    let scale = "k8s.scale(name: \"web\", replicas: 5, namespace: \"shop\", within: 30s)";
    undone_and_done(&case, scale, CLUSTER, "deployment shop web 5\n");
    assert!(case.host().sh("cat /var/log/calls").contains("rollout status deployment web --timeout 30s"));
    let get = |name: &str, holds: &str| {
        case.reads(&format!(
            "x = k8s.get(kind: \"deployment\", name: \"{name}\", namespace: \"shop\")\n    require {holds} else \"{{x.json}}\""
        ));
    };
    get("web", "x.exists and from_json(x.json).text == \"5\"");
    get("none", "not x.exists and x.json == \"null\"");
    let restart = "k8s.restart(name: \"web\", namespace: \"shop\")";
    assert!(case.plans(restart).stdout.contains("h1: ~ will change"));
    let said = case.run(restart);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    let rollout = "x = k8s.rollout(name: \"web\", namespace: \"shop\", within: 30s)\n    require matches(x.status, \"successfully rolled out$\") else \"{x.status}\"";
    let said = case.run(rollout);
    assert_eq!((said.code, changed(&said)), (0, 0), "{said:?}");
    case.host().sh("touch /srv/stuck");
    says(&case.run(rollout), "timed out waiting for the condition");
    says(&case.run(restart), "timed out waiting for the condition");
    says(&case.run(&restart.replace("web", "none")), "there is no deployment none");
    says(&case.run(&scale.replace("web", "none")), "(NotFound)");

    case.plans("k8s.delete(kind: \"deployment\", name: \"web\", namespace: \"shop\")");
    let delete = "ops 1\n\nplaybook gone() ! destroy, network {\n  on group(\"rig\") {\n    k8s.delete(kind: \"deployment\", name: \"web\", namespace: \"shop\")\n  }\n}\n";
    case.project.write("gone.ops", delete);
    assert_eq!(case.project.opsc(&["run", "-y", "gone.ops"]).code, 12, "it may lose data");
    for changes in [1, 0] {
        let said = case.project.opsc(&["run", "-y", "--allow-destroy", "gone.ops"]);
        assert_eq!((said.code, changed(&said), case.host().sh(CLUSTER)), (0, changes, String::new()), "{said:?}");
    }
}

/// Hashes of services are what compose itself compares; here they are the lines of the file.
const DOCKER: &str = r#"#!/bin/sh
set -eu
echo "$*" >> /var/log/calls
case "$*" in
  'compose version') echo "Docker Compose version v2.27.0" ;;
  *' config --hash *') cat /srv/compose.yaml ;;
  *' up --detach --remove-orphans --pull '*)
    if grep -q broken /srv/compose.yaml; then echo "service web failed to build" >&2; exit 17; fi
    cp /srv/compose.yaml /srv/running
    ;;
  *' down --remove-orphans') rm /srv/running ;;
  'ps --filter label=com.docker.compose.project=shop '*) cat /srv/running 2>/dev/null || true ;;
  *) echo "unknown command $*" >&2; exit 1 ;;
esac
"#;

#[test]
fn compose_projects_run_as_their_file_says() {
    let case = Case::new();
    case.host().sh(&format!(
        "cat > /usr/local/bin/docker <<'END'\n{DOCKER}END\nchmod 755 /usr/local/bin/docker; : > /var/log/calls"
    ));
    let step = "container.compose(path: \"/srv/compose.yaml\", project: \"shop\")";
    says(&case.run(step), "there is no /srv/compose.yaml");
    case.host().sh("printf 'web 1\\ndb 2\\n' > /srv/compose.yaml");
    let running = "cat /srv/running 2>/dev/null || true";
    undone_and_done(&case, step, running, "web 1\ndb 2\n");
    case.host().sh("printf 'db 2\\nweb 1\\nweb 1\\n' > /srv/running");
    let same = case.run(step);
    assert_eq!((same.code, changed(&same)), (0, 0), "two of one service: {same:?}");
    case.host().sh("echo broken 1 > /srv/compose.yaml");
    says(&case.run(step), "service web failed to build");
}

/// Releases are files, a line for each revision: number, status, chart, description.
const HELM: &str = r#"#!/bin/sh
set -eu
echo "$*" >> /var/log/calls
space=default words= description= filter= wanted=
while [ "$#" -gt 0 ]; do
  case "$1" in
    --namespace) space="$2"; shift ;;
    --description) description="$2"; shift ;;
    --filter) filter="$2"; shift ;;
    --values) wanted="$(cat "$2")"; shift ;;
    --kube-context | --kubeconfig | --max | --output | --timeout | --version | --repo) shift ;;
    --all | --short | --install | --wait | --create-namespace) ;;
    -*) echo "Error: unknown flag: $1" >&2; exit 1 ;;
    *) words="$words $1" ;;
  esac
  shift
done
set -- $words
at="/srv/cluster/$space.${2:-}"
add() { echo "$(($(wc -l < "$at" 2>/dev/null || echo 0) + 1))|$1" >> "$at"; }
case "$1" in
  list) cd /srv/cluster && for each in "$space".*; do echo "${each#"$space".}"; done | grep -e "$filter" || true ;;
  history) tail -n 1 "$at" | awk -F '|' '{ printf "- app_version: \"1\"\n  chart: %s\n  description: %s\n  revision: %s\n  status: %s\n", $3, $4, $1, $2 }' ;;
  upgrade)
    if [ "$wanted" = broken ]; then
      add "failed|$3|$description|$wanted"
      echo "Error: UPGRADE FAILED: timed out waiting for the condition" >&2
      exit 1
    fi
    add "deployed|$3|$description|$wanted"
    ;;
  rollback) add "deployed|$(sed -n "$3p" "$at" | cut -d '|' -f 3)|Rollback to $3|$(sed -n "$3p" "$at" | cut -d '|' -f 5)" ;;
  uninstall) rm "$at" ;;
  *) echo "unknown command $*" >&2; exit 1 ;;
esac
"#;

#[test]
fn releases_of_charts_are_installed_changed_and_go_back() {
    let case = case();
    case.host()
        .sh(&format!("cat > /usr/local/bin/helm <<'END OF IT'\n{HELM}\nEND OF IT\nchmod 755 /usr/local/bin/helm"));
    // What runs, without what it came by.
    let shows = "tail -qn 1 /srv/cluster/*.* 2>/dev/null | cut -d '|' -f 2,3,5";
    let step = "helm.install(name: \"web\", chart: \"shop/web\", version: \"1.4.0\", values: file(\"values.yaml\"), namespace: \"shop\", create_namespace: true)";
    case.project.write("values.yaml", "one");
    undone_and_done(&case, step, shows, "deployed|shop/web|one\n");
    case.project.write("values.yaml", "two");
    undone_and_done(&case, step, shows, "deployed|shop/web|two\n");
    let calls = case.host().sh("grep -e ^upgrade /var/log/calls | tail -n 1");
    for part in [
        "upgrade web shop/web --install --description opsc ",
        " --wait --timeout 300s --version 1.4.0 --values ",
        " --create-namespace --namespace shop",
    ] {
        assert!(calls.contains(part), "{calls}");
    }
    case.project.write("values.yaml", "broken");
    says(&case.run(step), "UPGRADE FAILED: timed out waiting for the condition");
    assert_eq!(case.host().sh(shows), "deployed|shop/web|two\n");
    case.host().sh("rm /srv/cluster/*.*");
    says(&case.run(step), "UPGRADE FAILED");
    assert_eq!(case.host().sh(shows), "", "a release that came and failed is gone");
    case.host().sh("mkdir -p /srv/chart/templates; echo one > /srv/chart/templates/x");
    let folder = "helm.install(name: \"own\", chart: \"/srv/chart\")";
    for (text, changes) in [("one", 1), ("one", 0), ("two", 1)] {
        case.host().sh(&format!("echo {text} > /srv/chart/templates/x"));
        let said = case.run(folder);
        assert_eq!((said.code, changed(&said)), (0, changes), "{text}: {said:?}");
    }
    case.host().sh("rm /usr/local/bin/helm");
    says(&case.run(step), "there is no helm");
}
