//! What only Debian has, on a real host: diversions, answers to packages, packages that nobody needs, alternatives, locales.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::Case;
use super::system_managers::MORE;

fn case() -> Case {
    let case = Case::new();
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    case
}

#[test]
fn files_of_packages_are_diverted_and_come_back() {
    let case = case();
    let shows = "ls /etc/issue*; dpkg-divert --list '/etc/issue*'";
    let diverted = "/etc/issue.distrib\n/etc/issue.net\nlocal diversion of /etc/issue to /etc/issue.distrib\n";
    case.converges("package.divert(path: \"/etc/issue\")", shows, diverted);
    case.fails_not_undone(
        "package.divert(path: \"/etc/issue\", to: \"/etc/other\")",
        shows,
        &["to another place: /etc/issue.distrib"],
    );
    case.host().sh("echo mine > /etc/issue");
    let back = "package.divert(path: \"/etc/issue\", diverted: false)";
    case.fails_not_undone(back, shows, &["there is something at both places already: move one away"]);
    case.host().sh("rm /etc/issue");
    case.converges(back, shows, "/etc/issue\n/etc/issue.net\n");
    case.host().sh("dpkg-divert --quiet --package hello --divert /etc/theirs.away --add /etc/theirs");
    let theirs = "/etc/theirs is diverted by a package, or to another place: /etc/theirs.away";
    case.fails_not_undone("package.divert(path: \"/etc/theirs\")", "dpkg-divert --list", &[theirs]);
}

#[test]
fn questions_of_packages_are_answered() {
    let case = case();
    let shows = "debconf-show tzdata | grep -x '. tzdata/Areas: .*' || true";
    let step = |value: &str| {
        format!(
            "package.debconf(package: \"tzdata\", question: \"tzdata/Areas\", type: \"select\", value: \"{value}\")"
        )
    };
    case.converges(&step("Europe"), shows, "* tzdata/Areas: Europe\n");
    case.converges(&step("Asia"), shows, "* tzdata/Areas: Asia\n");
    let odd = "package.debconf(package: \"own\", question: \"own/motto\", type: \"string\", value: \"$(id) it's\")";
    case.converges(odd, "debconf-show own", "* own/motto: $(id) it's\n");
}

#[test]
fn packages_that_nobody_needs_go_and_come_back() {
    let case = case();
    case.host().sh("apt-get install -q -y hello; apt-get remove -q -y hello");
    let shows = "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' 'hello*'; apt-mark showauto 'hello*'";
    case.converges("package.autoremove()", shows, "hello config-files\nhello-lib config-files\n");
}

#[test]
fn a_common_name_leads_to_the_program_that_is_chosen() {
    let case = case();
    case.host().sh("for each in one two; do echo $each > /usr/bin/$each; done; \
         update-alternatives --quiet --install /usr/bin/word word /usr/bin/one 10; \
         update-alternatives --quiet --install /usr/bin/word word /usr/bin/two 20");
    let shows = "cat /usr/bin/word; update-alternatives --query word | grep Status";
    let step = |path: &str| format!("os.alternatives(name: \"word\", path: \"{path}\")");
    case.converges(&step("/usr/bin/one"), shows, "one\nStatus: manual\n");
    case.converges(&step("/usr/bin/two"), shows, "two\nStatus: manual\n");
    case.fails_not_undone(&step("/usr/bin/three"), shows, &["/usr/bin/three is no choice for word"]);
    case.fails_not_undone("os.alternatives(name: \"none\", path: \"/bin/sh\")", shows, &["is no choice for none"]);
}

#[test]
fn a_locale_that_is_not_there_is_generated() {
    let case = Case::with_packages(MORE);
    case.host().sh("systemctl disable -q --now firewalld; mkdir -p -m 700 /root/.opsc/backup");
    let shows =
        "locale -a | grep _ || true; grep '^[a-z]' /etc/locale.gen || true; grep '^LANG' /etc/default/locale || true";
    let step = |name: &str| format!("os.locale(name: \"{name}\")");
    let german = "de_DE.utf8\nde_DE.UTF-8 UTF-8\nLANG=de_DE.UTF-8\n";
    case.converges(&step("de_DE.UTF-8"), shows, german);
    case.fails_not_undone(&step("xx_XX.UTF-8"), shows, &["no locale of this name", "cannot generate it"]);
    // Beside another in one archive: its bytes differ afterwards, what it holds does not.
    let showed = case.host().sh(shows);
    let undone = case.run(&format!("{}\n    require host.name == \"nobody\" else \"stop\"", step("da_DK.UTF-8")));
    assert_eq!((undone.code, case.host().sh(shows)), (23, showed), "{undone:?}");
}
