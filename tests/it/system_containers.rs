//! The actions for containers with a real podman: run, replaced, stopped, removed and undone, with every kind of word as
//! data. What podman cannot do on these hosts, networks that carry something and limits of memory, is only asked for.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, DATA_HOST, changed};

/// Names, states and commands of all containers, the mounts of `web`, what it is told to do, and its variables in the
/// order of the alphabet: podman writes them in any.
const SHOWN: &str = "for each in $(podman ps -a --format '{{.Names}}' | sort); do podman container inspect --format '{{.Name}} {{.State.Status}} {{.ImageName}}' \"$each\"; done; podman inspect web --format '{{.Config.Cmd}} {{.HostConfig.Binds}} {{index .Config.Labels \"team\"}} {{.Config.Hostname}} {{.HostConfig.RestartPolicy.Name}}' 2>/dev/null && podman inspect web --format '{{range .Config.Env}}{{println .}}{{end}}' | sort || true";

/// A host with two images of busybox.
fn case() -> Case {
    let case = Case::with_packages(DATA_HOST);
    case.host().sh("mkdir -p /tmp/image/bin /tmp/image/tmp; cp /bin/busybox /tmp/image/bin/; for each in sh sleep cat env echo; do ln -s busybox \"/tmp/image/bin/$each\"; done; for version in 1 2; do echo \"$version\" > /tmp/image/version; tar -C /tmp/image -c . | podman import -q --change 'CMD [\"/bin/sleep\",\"1000\"]' --change 'STOPSIGNAL SIGKILL' --change 'ENV PATH=/bin' - \"localhost/busy:$version\" >/dev/null; done; rm -r /tmp/image");
    case
}

#[test]
fn containers_run_are_replaced_and_come_back() {
    let case = case();
    let plain = "container.run(name: \"web\", image: \"localhost/busy:1\")";
    let ran = "web running localhost/busy:1\n[/bin/sleep 1000] []";
    case.converges_as_shown(plain, SHOWN, |shown| shown.starts_with(ran));
    case.has_nothing_to_do(plain);

    let other = "container.run(name: \"web\", image: \"localhost/busy:2\", command: [\"sh\", \"-c\", \"echo \\\"$0 $1\\\" $A; sleep 1000\", \"\", \"it's $(x)\"], env: { A: \"1 'b\", TOKEN: secret(\"file:token\") }, volumes: [\"/srv:/data:ro\"], labels: { team: \"a b\" }, restart: \"always\", options: [\"--hostname=box\"])";
    case.secret("token", "Kanarie $x \"y\"");
    case.undoes(other, SHOWN);
    let second = case.run(other);
    assert_eq!((second.code, changed(&second)), (0, 1), "{second:?}");
    let shown = case.host().sh(SHOWN);
    assert!(shown.starts_with("web running localhost/busy:2\nweb.before exited localhost/busy:1\n"), "{shown}");
    for part in ["A=1 'b", "TOKEN=Kanarie $x \"y\"", "/srv:/data:ro", " a b box always"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(case.host().sh("podman logs web"), " it's $(x) 1 'b\n");
    let again = case.run(other);
    assert_eq!((again.code, changed(&again)), (0, 0), "{again:?}");

    // Another image under the same name is another container.
    case.host().sh("podman tag localhost/busy:1 localhost/busy:2");
    let third = case.run(other);
    assert_eq!((third.code, changed(&third)), (0, 1), "{third:?}");
    // One that was stopped by hand is started, not made again.
    case.host().sh("podman stop web");
    case.undoes(other, SHOWN);
}

#[test]
fn containers_that_cannot_run_leave_the_old_one_running() {
    let case = case();
    assert_eq!(case.run("container.run(name: \"web\", image: \"localhost/busy:1\")").code, 0);
    let run = |more: &str| format!("container.run(name: \"web\", image: \"localhost/busy:1\", {more})");
    let fails = |more: &str, because: &[&str]| case.fails(&run(more), SHOWN, because);
    fails("command: [\"sh\", \"-c\", \"echo no database; exit 3\"]", &["no database", "has ended with code 3"]);
    fails("command: [\"/no/such/program\"]", &["/no/such/program"]);
    fails("options: [\"--no-such-option\"]", &["unknown flag: --no-such-option"]);
    fails("network: \"nowhere\"", &["unable to find network with name or ID nowhere"]);
    let missing = "container.run(name: \"web\", image: \"localhost/none:1\", pull: \"never\")";
    case.fails(missing, SHOWN, &["localhost/none:1"]);
    case.secret("lines", "one\ntwo\n3");
    let lines = run("env: { A: secret(\"file:lines\") }");
    case.fails_not_undone(&lines, SHOWN, &["a variable of the container has several lines"]);
    let docker = run("engine: \"docker\"");
    case.fails_not_undone(&docker, SHOWN, &["there is no container engine"]);
}

#[test]
fn containers_are_stopped_started_and_removed() {
    let case = case();
    case.host().sh("podman run -d --name web localhost/busy:1");
    let state = "for each in $(podman ps -a --format '{{.Names}}'); do podman container inspect --format '{{.Name}} {{.State.Status}}' \"$each\"; done";
    case.converges("container.stop(name: \"web\", grace: 1s)", state, "web exited\n");
    case.converges("container.start(name: \"web\")", state, "web running\n");
    case.converges("container.remove(name: \"web\")", state, "web.before exited\n");
    case.has_nothing_to_do("container.stop(name: \"web\")");
    case.fails_not_undone("container.start(name: \"web\")", state, &["there is no container web"]);
    let gone = case.run("container.remove(name: \"web.before\")");
    assert_eq!((gone.code, changed(&gone), case.host().sh(state)), (0, 1, String::new()), "{gone:?}");
}

#[test]
fn networks_volumes_and_images_are_made_and_undone() {
    let case = case();
    let networks = "podman network ls --format '{{.Name}} {{.Driver}}'; podman network inspect shop --format '{{.Internal}} {{range .Subnets}}{{.Subnet}}{{end}}' 2>/dev/null || true";
    // The engine's own files stay when a network goes.
    case.host().sh("podman network create x >/dev/null; podman network rm x >/dev/null");
    let step = "container.network(name: \"shop\", internal: true, subnet: \"10.200.0.0/24\")";
    case.converges(step, networks, "podman bridge\nshop bridge\ntrue 10.200.0.0/24\n");
    let other = "container.network(name: \"shop\", driver: \"macvlan\")";
    case.fails_not_undone(other, networks, &["with another driver"]);
    case.converges("container.volume(name: \"data\")", "podman volume ls --format '{{.Name}}'", "data\n");
    case.has_nothing_to_do("container.image(name: \"localhost/busy:1\")");
    let images = "podman images --format '{{.Repository}}:{{.Tag}}' | sort";
    // Nobody listens there.
    let none = "container.image(name: \"127.0.0.1:9/none:1\")";
    case.fails(none, images, &["127.0.0.1:9/none:1", "connection refused"]);
}

/// What a registry of images is for podman, a folder can be: it is asked for the image, and for a newer one.
#[test]
fn images_are_pulled_again_and_the_name_goes_back() {
    let case = case();
    case.host().sh("for version in 1 2; do podman push -q localhost/busy:$version dir:/srv/image$version; done; mv /srv/image1 /srv/image; podman rmi localhost/busy:1 localhost/busy:2 >/dev/null");
    case.host().sh("printf '#!/bin/sh\\nif [ \"$1\" = pull ]; then id=\"$(/usr/bin/podman pull -q dir:/srv/image)\" && exec /usr/bin/podman tag \"$id\" example.org/app:1; fi\\nexec /usr/bin/podman \"$@\"\\n' > /usr/local/bin/podman; chmod 755 /usr/local/bin/podman");
    let id = "podman image inspect --format '{{.Id}}' example.org/app:1 2>/dev/null || true";
    let step = "container.image(name: \"example.org/app:1\")";
    case.converges_as_shown(step, id, |shown| !shown.is_empty());
    case.has_nothing_to_do(step);
    let old = case.host().sh(id);
    case.host().sh("mv /srv/image /srv/image1; mv /srv/image2 /srv/image");
    let again = "container.image(name: \"example.org/app:1\", refresh: true)";
    case.undoes(again, id);
    let second = case.run(again);
    assert_eq!((second.code, case.host().sh(id) == old), (0, false), "{second:?}");
}

#[test]
fn images_are_built_from_a_folder_and_again_where_it_is_another() {
    let case = Case::with_packages(DATA_HOST);
    case.host().sh("mkdir \"/srv/it's\" && cd \"/srv/it's\" && printf 'FROM scratch\\nARG WHO\\nLABEL who=$WHO\\nCOPY data /data\\n' > Dockerfile && echo one > data");
    let shows = "podman image inspect --format '{{index .Config.Labels \"who\"}}' localhost/own:1 2>/dev/null || true";
    let step = |who: &str| {
        format!("container.build(name: \"localhost/own:1\", context: \"/srv/it's\", args: {{ WHO: \"{who}\" }})")
    };
    let undone_and_done = |step: &str, done: &str| {
        let id = "podman image inspect --format '{{.Id}}' localhost/own:1 2>/dev/null || true";
        case.converges_as_shown(step, id, |_| case.host().sh(shows) == done);
        case.has_nothing_to_do(step);
    };
    undone_and_done(&step("a 'b' $(c)"), "a 'b' $(c)\n");
    undone_and_done(&step("other"), "other\n");
    for change in ["echo two > data", "chmod 755 data", "ln -s data link"] {
        case.host().sh(&format!("cd \"/srv/it's\" && {change}"));
        let said = case.run(&step("other"));
        assert_eq!((said.code, changed(&said)), (0, 1), "{change}: {said:?}");
    }
    case.host().sh("echo 'COPY none /none' >> \"/srv/it's/Dockerfile\"");
    case.fails(&step("other"), shows, &["none"]);
    case.fails("container.build(name: \"x\", context: \"/srv/none\")", shows, &["there is no folder /srv/none"]);
    case.fails("container.build(name: \"x\", context: \"/srv\")", shows, &["/srv has no Dockerfile"]);
}
