//! The lint of scripts as data: a script, and the findings in it with the words that they point at.

use std::path::PathBuf;

use opsc::app::project::Project;
use opsc::app::settings::Settings;
use opsc::app::workspace::Workspace;
use opsc::base::source::Sources;
use opsc::diag::Diagnostic;
use opsc::diag::render::{Colour, render};

/// What a text yields, without inventory.
pub(crate) fn check(text: &str) -> (Vec<Diagnostic>, Sources) {
    let project = Project { root: PathBuf::from("."), found: false, state: PathBuf::new() };
    let folder = tempfile::tempdir().unwrap();
    let mut workspace =
        Workspace::open(Project { root: folder.path().to_path_buf(), ..project }, Settings::default(), &[]).unwrap();
    let checked = workspace.check_text(&folder.path().join("a.ops"), text.to_string());
    (checked.diagnostics, workspace.sources)
}

/// `CODE word` of every finding, in the order of the text.
pub(crate) fn found(text: &str) -> Vec<String> {
    let (mut diagnostics, sources) = check(text);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    diagnostics.iter().map(|finding| format!("{} {}", finding.code, sources.text(finding.primary.span))).collect()
}

fn indented(script: &str) -> String {
    script.lines().map(|line| format!("      {line}\n")).collect()
}

/// An action with parameters of every kind, whose phases are given.
fn action(row: &str, phases: &str) -> String {
    format!(
        "ops 1\n\ntype Name = string(/[a-z]+/)\n\naction demo.t(\n  path: path,\n  name: Name,\n  text: string,\n  maybe: path? = none,\n  number: int? = none,\n  names: list<string>,\n  count: int,\n  flag: bool,\n  wait: duration,\n  level: \"low\" | \"high\",\n  config: file,\n  token: secret<string>,\n  hook: script,\n) -> {{ size: int?, kind: string? }} ! {row} {{\n  doc: \"Test.\"\n\n  linux {{\n{phases}  }}\n}}\n"
    )
}

fn phase(kind: &str, script: &str) -> String {
    format!("    {kind} sh \"\"\"\n{}    \"\"\"\n", indented(script))
}

fn assert_cases(cases: &[(&str, &[&str])], text: impl Fn(&str) -> String) {
    let mut wrong = Vec::new();
    for (script, expected) in cases {
        let found = found(&text(script));
        if found != *expected {
            wrong.push(format!("{script:?}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const VARIABLES: &[(&str, &[&str])] = &[
    // Known: parameters, companions, the environment, special signs, what the body sets.
    ("echo \"$path\" \"$path_set\" \"$maybe_set\" \"$names_count\" \"$config\" \"$config_sha256\" \"$token\"", &[]),
    ("echo \"$HOME $PATH $1 $@ $# $? $$ $! $- $* $0 ${10} ${#} $TMPDIR $RANDOM $_\"", &[]),
    ("x=1; echo \"$x\"; for y in a b; do echo \"$y\"; done; while read -r a b; do echo \"$a$b\"; done", &[]),
    ("getopts ab opt; echo \"$opt\"; local z; z=1; echo \"$z\"; export q=2; echo \"$q\"", &[]),
    ("echo \"${other:-none}\" \"${http_proxy:-}\" \"${other+set}\"; : \"${made:=1}\"; echo \"$made\"", &[]),
    (". /etc/os-release\necho \"$id\"", &[]),
    ("echo '$pth' \\$pth # $pth\ncat <<'E'\n$pth\nE", &[]),
    ("i=0; i=$((i + 1)); echo \"$i\"; echo $((j = 2)); echo \"$j\"", &[]),
    ("printf -v made %s a; echo \"$made\"; mapfile -t lines; echo \"${lines[0]} ${#lines[@]}\"", &[]),
    // Unknown.
    ("echo \"$pth\"", &["E1001 $pth"]),
    ("echo \"a ${pth} b\"", &["E1001 ${pth}"]),
    ("echo \"$(cat \"$pth\")\"", &["E1001 $pth"]),
    ("cat <<E\n  $pth\nE", &["E1001 $pth"]),
    ("x=$pth", &["E1001 $pth"]),
    ("case $pth in a) ;; esac", &["E1001 $pth"]),
    ("[[ -n $pth ]]", &["E1001 $pth"]),
    ("echo $(($pth + 1))", &["E1001 $pth"]),
    ("echo \"${path:-$pth}\" > \"$pth\"", &["E1001 $pth", "E1001 $pth"]),
    ("echo \"$names\"", &["E1001 $names"]),
    ("echo \"$hook\" \"$facts_os\" \"$after_size\"", &["E1001 $hook", "E1001 $facts_os", "E1001 $after_size"]),
    ("echo \"$path_count\"", &["E1001 $path_count"]),
    ("hook; hook_set=1; echo \"$hook_set\"", &[]),
];

const QUOTES: &[(&str, &[&str])] = &[
    ("rm -f -- $path \"$path\"", &["E0705 $path"]),
    (
        "echo $text ${text} ${text%/} ${text:-a}",
        &["E0705 $text", "E0705 ${text}", "E0705 ${text%/}", "E0705 ${text:-a}"],
    ),
    ("echo \"$(cat $path)\"", &["E0705 $path"]),
    ("echo \"a\"$text\"b\"", &["E0705 $text"]),
    ("for x in $text; do :; done", &["E0705 $text"]),
    ("[ $text = a ] && [ -n $text ]", &["E0705 $text", "E0705 $text"]),
    ("set -- $text", &["E0705 $text"]),
    ("a=($text)", &["E0705 $text"]),
    ("echo ${maybe:+--at $maybe}", &["E0705 $maybe"]),
    // Nothing at all is no word.
    ("useradd -u $number x", &["E0705 $number"]),
    ("test -e `echo $path`", &["W0704 `echo $path`", "E0705 $path"]),
    // Not split by the shell, or never more than one word.
    ("x=$text; y=\"$text\"; export z=$text; local w=$text; a=b c=$text true", &[]),
    ("case $text in a) ;; *) ;; esac; [[ $text == a* ]]; echo $((count + $count)) ${#text}", &[]),
    ("sleep $wait; head -n $count; [ $flag = true ]; echo $level $path_set $names_count $config_sha256", &[]),
    ("echo ${maybe:+\"--at=$maybe\"} ${maybe:+set}", &[]),
    ("cat <<E\n$text\nE\ncat <<<$text > \"$path\"", &[]),
    ("awk '{ print $path }' \"$path\"; sh -c 'echo $text'; echo \\$text", &[]),
];

const CODE: &[(&str, &[&str])] = &[
    ("eval \"$text\"; command eval x", &["E0703 eval", "E0703 eval"]),
    ("echo eval; echo 'eval x'; evaluate # eval", &[]),
    ("x=`id`; echo \"`id -u`\"", &["W0704 `id`", "W0704 `id -u`"]),
    ("echo '`id`' \\`id\\` # `id`", &[]),
    ("sh -c \"$text\"", &["E1003 $text"]),
    ("sudo -u app bash -lc \"cd $path && ls\"", &["E1003 $path"]),
    ("su app -c \"echo ${text}\"", &["E1003 ${text}"]),
    ("trap \"rm -f $path\" EXIT", &["E1003 $path"]),
    ("awk \"/$text/ { print }\" /etc/hosts", &["E1003 $text"]),
    ("python3 -c \"print('$text')\"", &["E1003 $text"]),
    ("sh <<E\necho $text\nE", &["E1003 $text"]),
    ("find / -name x -exec sh -c \"echo $text\" \\;", &["E1003 $text"]),
    ("xargs -n 1 sh -c \"$text\"", &["E1003 $text"]),
    ("sh -c 'echo \"$1\"' sh \"$text\"; trap 'rm -f \"$path\"' EXIT; awk -v x=\"$text\" '{ print x }' f", &[]),
    ("sh -c \"sleep $count\"; sh <<'E'\necho $text\nE\ncat <<E\n$text\nE", &[]),
    ("curl -fsSL https://x.org/i.sh | sh", &["E1004 sh"]),
    ("wget -qO- https://x.org/i.sh | sudo -E bash -s -- --yes", &["E1004 bash"]),
    ("curl -s https://x.org | tee /tmp/i | python3 -", &["E1004 python3"]),
    ("bash <(curl -s https://x.org/i.sh)", &["E1004 <(curl -s https://x.org/i.sh)"]),
    ("sh -c \"$(curl -fsSL https://x.org/i.sh)\"", &["E1004 $(curl -fsSL https://x.org/i.sh)"]),
    ("curl -s https://x.org | python3 -m json.tool; curl -s x | sh ./read.sh; echo x | sh; curl x; sh", &[]),
    ("curl -s https://x.org/key | gpg --dearmor -o \"$path\"; curl -s x | jq -r .a", &[]),
];

const DANGERS: &[(&str, &[&str])] = &[
    ("rm -rf /", &["E1005 /"]),
    ("rm -r -f -- /* /usr/ '/etc'", &["E1005 /*", "E1005 /usr/", "E1005 '/etc'"]),
    ("sudo rm --recursive ~", &["E1005 ~"]),
    ("chown -R app:app /usr; chmod -R g+w /etc/", &["E1005 /usr", "E1005 /etc/"]),
    ("find / -delete", &["E1005 /"]),
    ("rm -rf /var/lib/app /tmp/* /usr/local/app; rm -f /etc/app.conf; chown -R app /srv/app", &[]),
    ("echo rm -rf /; echo 'rm -rf /' # rm -rf /", &[]),
    ("find /var/cache -name '*.deb' -delete; find / -name core -delete", &[]),
    ("rm -rf -- \"$text\"", &["E1006 \"$text\""]),
    ("rm -rf \"$made/\"*", &["E1006 \"$made/\"*", "E1001 $made"]),
    ("x=$(pwd); rm -rf \"$x/bin\"", &["E1006 \"$x/bin\""]),
    ("rm -rf /var/lib/\"$text\"", &["E1006 /var/lib/\"$text\""]),
    ("rm -rf \"$path\"/*", &["E1006 \"$path\"/*"]),
    ("rm -rf -- \"${text:?}\" \"${text:?}/x\"", &[]),
    ("[ -n \"$text\" ] || exit 1; rm -rf -- \"$text\"", &[]),
    ("rm -rf -- \"$path\" \"/var/lib/$name\" \"$path/cache\"", &[]),
    ("d=$(mktemp -d); rm -rf \"$d\" \"$d\"/*; e=/srv/app; rm -rf \"$e/\"*; rm -f \"$text\"", &[]),
    ("rm -rf *; cd /srv; rm -rf ./*", &["W1007 *", "W1007 ./*"]),
    ("cd /srv/app || exit 1\nrm -rf *", &[]),
    ("set -e\ncd /srv/app\nrm -rf ./*", &[]),
    ("mkfs.ext4 -q /dev/sdb1; mkswap \"$path\"", &["E1008 /dev/sdb1", "E1008 \"$path\""]),
    ("dd if=/dev/zero of=/dev/sda bs=1M", &["E1008 of=/dev/sda"]),
    ("echo x > /dev/nvme0n1; wipefs -a /dev/vdb", &["E1008 /dev/nvme0n1", "E1008 /dev/vdb"]),
    ("dd if=/dev/sda of=/tmp/x; wipefs /dev/vdb; echo > /dev/null; mkfs.ext4 -V; dd of=/dev/null", &[]),
    ("chmod -R 777 \"$path\"; chmod a+rwx -R /srv/x", &["W1009 777", "W1009 a+rwx"]),
    ("chmod 777 /tmp/x; chmod -R 755 /srv/x; chmod -R u=rwX,g=rX,o= /srv/x", &[]),
    (":(){ :|:& };:", &["E1010 :"]),
    ("f() { cat; }; f | f", &[]),
    ("reboot; shutdown -r now; systemctl --no-block poweroff", &["W1011 reboot", "W1011 shutdown", "W1011 systemctl"]),
    ("shutdown -c; systemctl restart x; echo reboot; grep reboot x; [ -e /run/reboot-required ]", &[]),
    ("reboot() { echo no; }; reboot", &[]),
    ("echo 'it", &["E1013 '"]),
    ("echo \"$(ls\"", &["E1013 \""]),
    ("cat <<E\nx", &["E1013 \n"]),
];

const READS: &[(&str, &[&str])] = &[
    ("echo x > /etc/x; echo y >> \"$path\"; : >| /x", &["E1012 > /etc/x", "E1012 >> \"$path\"", "E1012 >| /x"]),
    (
        "rm -f x; mv a b; mkdir -p d; touch f; sudo ln -s a b",
        &["E1012 rm", "E1012 mv", "E1012 mkdir", "E1012 touch", "E1012 ln"],
    ),
    (
        "systemctl restart x; systemctl --quiet stop y; service z reload",
        &["E1012 systemctl", "E1012 systemctl", "E1012 service"],
    ),
    ("apt-get -y install x; dnf remove y; dpkg -i z", &["E1012 apt-get", "E1012 dnf", "E1012 dpkg"]),
    ("sed -i s/a/b/ f; sed -n -i.bak p f; tee /etc/x", &["E1012 sed", "E1012 sed", "E1012 tee"]),
    ("out x \"$(rm -f y; echo true)\"", &["E1012 rm"]),
    ("find /tmp -delete; find /tmp -exec rm {} +; xargs -r kill", &["E1012 find", "E1012 rm", "E1012 kill"]),
    (
        "curl -fsSo /tmp/x https://x; wget https://x; tar xf x; dd of=/tmp/x; sysctl -w a=1",
        &["E1012 curl", "E1012 wget", "E1012 tar", "E1012 dd", "E1012 sysctl"],
    ),
    ("useradd x; chmod 600 \"$path\"; crontab -r", &["E1012 useradd", "E1012 chmod", "E1012 crontab"]),
    // Reading.
    ("cat x 2>/dev/null >&2; exec 3>&1; ls > /dev/null 2>&1; echo x >&\"$count\"; echo x > /dev/stderr", &[]),
    ("systemctl is-active --quiet x; systemctl show -p Id x; service x status; dpkg -l; rpm -qi x; pacman -Ss x", &[]),
    ("apt-get -s install x; apt-cache policy x; sed -n p f; sed --expression=s/i/x/ f; tee < x; tar tf x", &[]),
    (
        "curl -so /dev/null https://x; wget -qO- https://x; wget --spider x; kill -0 \"$count\"; crontab -l; useradd -D",
        &[],
    ),
    ("t=$(mktemp); echo x > \"$t\"; u=\"$t.new\"; cp /etc/x \"$u\"; rm -f \"$t\" \"$u\"", &[]),
    ("sleep 1 & kill \"$!\"; echo 'rm x > y' # > z\ncommand -v rm; type rm; git -C \"$path\" status", &[]),
    ("install() { echo; }; install x; hook; each_names hook; rsync -n a b; ip addr show; mount; swapon", &[]),
];

#[test]
fn variables_are_known_or_not() {
    assert_cases(VARIABLES, |script| action("change", &phase("apply", script)));
}

#[test]
fn values_are_quoted_where_the_shell_splits() {
    assert_cases(QUOTES, |script| action("change", &phase("apply", script)));
}

#[test]
fn values_and_downloads_do_not_become_code() {
    assert_cases(CODE, |script| action("change", &phase("apply", script)));
}

#[test]
fn dangerous_commands_are_told_from_ordinary_ones() {
    assert_cases(DANGERS, |script| action("change", &phase("apply", script)));
}

#[test]
fn a_check_only_reads() {
    assert_cases(READS, |script| action("change", &phase("check", script)));
    // So does every body of an action that says so, and nothing of the kind holds for an apply.
    let (script, expected) = READS[1];
    assert_eq!(found(&action("read", &phase("apply", script))), expected);
    assert_eq!(found(&action("change", &phase("apply", script))), [] as [&str; 0]);
}

#[test]
fn fields_of_phases_are_known_where_they_are_reported() {
    let check = phase("check", "out size 1\nif true; then out extra \"$path\"; fi");
    let apply = phase("apply", "out kept a; echo \"$before_size\" \"$before_extra\" $before_size");
    let known = phase("rollback", "echo \"$before_extra\" \"${apply_kept:-}\" $before_extra");
    let all = format!("{check}{apply}{known}");
    assert_eq!(found(&action("change", &all)), ["E0705 $before_extra"]);
    let unknown = phase("rollback", "echo \"$before_exta\" \"${apply_kep:-}\" \"$before_kind\"");
    let all = format!("{check}{apply}{unknown}");
    assert_eq!(found(&action("change", &all)), ["E1001 $before_exta", "E1001 ${apply_kep:-}", "E1001 $before_kind"]);
    // Where the keys cannot be told, nothing is said.
    let any = format!("{}{unknown}", phase("check", "for k in a b; do out \"$k\" 1; done"));
    assert_eq!(found(&action("change", &any)), [] as [&str; 0]);
}

#[test]
fn destroy_and_restarts_say_what_is_meant() {
    let text = action("destroy", &phase("apply", "mkfs.ext4 -q /dev/sdb1; dd if=/x of=/dev/sda; echo > /dev/sdb"));
    assert_eq!(found(&text), [] as [&str; 0]);
    let restarts = phase("check", "out boot 1") + &phase("apply", "systemctl reboot");
    let text =
        action("change", &restarts).replace("  doc:", "  restarts: 5m\n  ensure: after.boot != before.boot\n  doc:");
    assert_eq!(found(&text), [] as [&str; 0]);
}

/// A playbook with one step of `shell.run`.
fn step(arguments: &str) -> String {
    format!(
        "ops 1\n\nplaybook p(web: hosts<linux>, who: string) ! destroy, exec {{\n  on web {{\n    shell.run({arguments})\n  }}\n}}\n"
    )
}

#[test]
fn scripts_of_playbooks_are_looked_at_too() {
    let cases: &[(&str, &[&str])] = &[
        (
            "script: sh\"echo $who $port $word\", vars: { who: who, port: \"80\", word: \"a\" }, effect: \"destroy\"",
            &["E0705 $who"],
        ),
        ("script: sh\"sh -c \\\"echo $who\\\"\", vars: { who: who }, effect: \"destroy\"", &["E1003 $who"]),
        ("script: sh\"true\", undo: sh\"rm -rf /usr\", effect: \"destroy\"", &["E1005 /usr"]),
        ("script: sh\"true\", unless: sh\"touch /x\", effect: \"destroy\"", &["E1012 touch"]),
        ("script: sh\"mkfs -t ext4 /dev/sdb\", effect: \"destroy\"", &[]),
    ];
    assert_cases(cases, step);
    let read = "ops 1\n\nplaybook p(web: hosts<linux>) ! exec {\n  on web {\n    shell.run(script: sh\"touch /x; uptime\", effect: \"read\")\n  }\n}\n";
    assert_eq!(found(read), ["E1012 touch"]);
}

#[test]
fn variables_that_nothing_sets_are_told_in_scripts_of_playbooks() {
    let cases: &[(&str, &[&str])] = &[
        ("script: sh\"any=1; echo $any $some ${other#x}\", effect: \"destroy\"", &["E1001 $some", "E1001 ${other#x}"]),
        ("script: sh\"echo $wh0\", vars: { who: who }, effect: \"destroy\"", &["E1001 $wh0"]),
        ("script: sh\"echo $a $b\", vars: { a: \"1\" }, env: { b: \"x\" }, effect: \"destroy\"", &[]),
        ("script: sh\"true\", undo: sh\"echo $before_created $gone\", effect: \"destroy\"", &["E1001 $gone"]),
        // Set by somebody else, perhaps: the environment, a value that names it, another script.
        ("script: sh\"echo $HOME $http_proxy $npm_config_prefix ${perhaps:-} ${there+x}\", effect: \"destroy\"", &[]),
        ("script: sh\". /etc/os-release; echo $some\", effect: \"destroy\"", &[]),
        ("script: sh\"for n in a b; do read -r \\\"$n\\\"; done; echo $a $b\", effect: \"destroy\"", &[]),
        ("script: sh\"export \\\"$(cat /x)\\\"; echo $some\", effect: \"destroy\"", &[]),
        ("script: sh\"f() { declare -n to=$1; to=2; }; f some; echo $some\", effect: \"destroy\"", &[]),
        ("script: sh\"echo '$some' \\\\$some; awk '{ print $some }' /x\", effect: \"destroy\"", &[]),
    ];
    assert_cases(cases, step);
    // Maps that only the plan knows may hold any name.
    let computed = "ops 1\n\nplaybook p(web: hosts<linux>, given: map<string, string>) ! exec {\n  on web {\n    shell.run(script: sh\"echo $some\", vars: given, effect: \"read\")\n  }\n}\n";
    assert_eq!(found(computed), [] as [&str; 0]);
    let (diagnostics, _) = check(&step("script: sh\"echo $some\", effect: \"destroy\""));
    let help = diagnostics.iter().find(|finding| finding.code == "E1001").and_then(|finding| finding.help.clone());
    assert!(help.is_some_and(|help| help.contains("write `${some:-}`")), "{diagnostics:?}");
}

const POWERSHELL: &[(&str, &[&str])] = &[
    ("Invoke-Expression $name", &["E1002 Invoke-Expression"]),
    ("iwr https://x.org/i.ps1 | iex", &["E1004 iex"]),
    ("& ([scriptblock]::Create($name))", &["E1002 [scriptblock]::Create"]),
    ("Remove-Item -Recurse -Force C:\\Windows\\*", &["E1005 C:\\Windows\\*"]),
    ("rm -r \"$env:SystemRoot\"", &["E1005 \"$env:SystemRoot\""]),
    ("Format-Volume -DriveLetter D; Restart-Computer -Force", &["E1008 Format-Volume", "W1011 Restart-Computer"]),
    ("Write-Host 'iex $x; Restart-Computer' # iex\n<# iex #>\nRemove-Item -Recurse C:\\App", &[]),
    ("$x = Get-Item -LiteralPath $path; if ($x) { Start-Service -Name \"$name\" }", &[]),
    ("$x = Get-Item -Path $path -Force; Remove-Item \"$path\\x\" -Force", &["W1014 $path", "W1014 \"$path\\x\""]),
    (
        "Get-Item -Path C:\\Windows; Get-Item C:\\*; Join-Path -Path $path -ChildPath x; Get-Item -Force -LiteralPath $path",
        &[],
    ),
    ("if ($path) { exit 1 }\nexit", &["W1015 exit", "W1015 exit"]),
    ("Write-Host exit; $exit = 1; exit-now", &[]),
    ("a && b\nc || d\n$x = $path ?? 1\n$z = $x ? 1 : 2", &["W1016 &&", "W1016 ||", "W1016 ??", "W1016 ?"]),
    ("Get-Item x | ? { $_ }; Write-Host 'a && b ?? c'; & $path; $path -and $name", &[]),
    ("Write-Host \"open", &["E1013 \""]),
];

const POWERSHELL_VARIABLES: &[(&str, &[&str])] = &[
    (
        "Get-Item -LiteralPath $pth; Write-Host \"${nme} $Path $env:x $($naem)\"",
        &["E1001 $pth", "E1001 ${nme}", "E1001 $naem"],
    ),
    (
        "$y = $path; foreach ($z in $y) { $z }; $i++; $a, $b = $i, $y; [void][int]::TryParse('1', [ref]$n); \"$a $b $n\"",
        &[],
    ),
    (
        "function f($x) { param([string]$y = 'a') $x + $y }; f -x $_ | Where-Object -FilterScript { $_.a -and $true -and $null -ne $LASTEXITCODE }",
        &[],
    ),
    (
        "Get-Item -LiteralPath $path -ErrorVariable problems; $problems; $global:seen = 1; $seen; $given = @{ A = 1 }; f @given",
        &[],
    ),
    ("'$nothing' # $nothing\n<# $nothing #>\n\"`$nothing\"; @'\n$nothing\n'@", &[]),
    (". $path; $anything", &[]),
    ("Set-Variable -Name any -Value 1; $any", &[]),
    ("@\"\n$here\n\"@; f @there", &["E1001 $here", "E1001 @there"]),
    ("$before_exists -or $apply_kept", &["E1001 $before_exists", "E1001 $apply_kept"]),
];

const POWERSHELL_READS: &[(&str, &[&str])] = &[
    ("Set-Content -Path a -Value b; Get-Service x | Restart-Service", &["E1012 Set-Content", "E1012 Restart-Service"]),
    ("Get-Item x > c:\\x.txt", &["E1012 >"]),
    (
        "rm a; sc.exe stop x; net stop x; Storage\\Remove-Item x",
        &["E1012 rm", "E1012 sc.exe", "E1012 net", "E1012 Storage\\Remove-Item"],
    ),
    ("net start; sc.exe query x; reg query HKLM\\a; gci x", &[]),
    (
        "[System.IO.File]::WriteAllText($path, 'x'); [IO.Directory]::Delete($path)",
        &["E1012 [System.IO.File]::WriteAllText", "E1012 [IO.Directory]::Delete"],
    ),
    (
        "[Microsoft.Win32.Registry]::SetValue($path, 'a', 1); $x = Get-Item -LiteralPath $path; $x.Delete()",
        &["E1012 [Microsoft.Win32.Registry]::SetValue", "E1012 $x.Delete"],
    ),
    (
        "if ($name) { [Environment]::SetEnvironmentVariable('a', 'b', 'Machine') }",
        &["E1012 [Environment]::SetEnvironmentVariable"],
    ),
    (
        "$t = [System.IO.Path]::GetTempFileName(); [System.IO.File]::WriteAllText($t, $name); [System.IO.File]::Delete($t)",
        &[],
    ),
    (
        "[System.IO.File]::ReadAllText($path); [System.IO.File]::Exists($path); 'a'.Replace('a', 'b'); $name.Remove(1); [Environment]::SetEnvironmentVariable('a', 'b')",
        &[],
    ),
    ("Write-Host '[IO.File]::Delete(x)' # [IO.File]::Delete(x)", &[]),
    ("$x = New-Object Foo; Set-StrictMode -Version 2; Get-Item x 2>&1 > $null; Start-Sleep 1 | Out-Null", &[]),
];

#[test]
fn powershell_has_its_own_rules() {
    let body = |kind: &'static str| {
        move |script: &str| {
            format!(
                "ops 1\n\naction demo.t(path: path, name: string) ! change {{\n  doc: \"Test.\"\n\n  windows {{\n    {kind} powershell \"\"\"\n{}    \"\"\"\n  }}\n}}\n",
                indented(script)
            )
        }
    };
    assert_cases(POWERSHELL, body("apply"));
    assert_cases(POWERSHELL_READS, body("check"));
    assert_cases(POWERSHELL_VARIABLES, body("apply"));
}

/// A script of a playbook sees its `vars`; the environment has a name of its own.
#[test]
fn variables_that_nothing_sets_are_told_in_powershell_of_playbooks() {
    let cases: &[(&str, &[&str])] = &[
        (
            "script: powershell\"Get-Item -LiteralPath $who; $WHO; $wh0\", vars: { who: who }, effect: \"destroy\"",
            &["E1001 $wh0"],
        ),
        ("script: powershell\"$x = 1; $x + $env:TEMP\", undo: powershell\"$x\", effect: \"destroy\"", &["E1001 $x"]),
        (
            "script: powershell\"1\", unless: powershell\"[System.IO.File]::Delete('a')\", effect: \"destroy\"",
            &["E1012 [System.IO.File]::Delete"],
        ),
    ];
    assert_cases(cases, |arguments| step(arguments).replace("hosts<linux>", "hosts<windows>"));
    let (diagnostics, _) =
        check(&step("script: powershell\"$some\", effect: \"destroy\"").replace("<linux>", "<windows>"));
    let help = diagnostics.iter().find(|finding| finding.code == "E1001").and_then(|finding| finding.help.clone());
    assert!(help.is_some_and(|help| help.contains("`$env:NAME`")), "{diagnostics:?}");
}

#[test]
fn the_standard_library_is_clean() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    let mut files = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        // As a file of its own every action of it is checked; under another noun, so that none is there twice.
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let noun = file.split('_').next().unwrap();
        let text = text.replace(&format!("action {noun}."), &format!("action my_{noun}."));
        wrong.extend(found(&text).into_iter().filter(|finding| !finding.starts_with("E0107")));
        files += 1;
    }
    assert!(files >= 7 && wrong.is_empty(), "{files} files: {wrong:?}");
}

#[test]
fn the_caret_stands_under_the_word() {
    let text = action("change", &phase("apply", "if true; then\n\n  echo \"ü\" $text\nfi"));
    let (diagnostics, sources) = check(&text);
    let line = text.lines().position(|line| line.contains("echo")).unwrap() + 1;
    let expected = format!(
        "error[E0705]: `$text` is not quoted\n  --> a.ops:{line}:18\n   |\n{line} |         echo \"ü\" $text\n   |                  ^^^^^\n   = hint: write \"$text\", so that spaces and wildcards in it stay data\n\n"
    );
    assert_eq!(render(&diagnostics, &sources, Colour::Never), expected);
    // In a script of one line, behind quotes that are written with a backslash.
    let text = step("script: sh\"echo \\\"a\\\" $who\", vars: { who: who }, effect: \"destroy\"");
    let (diagnostics, sources) = check(&text);
    let shown = render(&diagnostics, &sources, Colour::Never);
    let (line, caret) = (shown.lines().nth(3).unwrap(), shown.lines().nth(4).unwrap());
    assert_eq!(line.find("$who"), caret.find("^^^^"), "{shown}");
}
