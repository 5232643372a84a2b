"""Writes projects to measure with: distinct playbooks as people write them, and one large rollout.

The same seed gives the same bytes. Nothing here is measured; `bench/run` does that.
"""

import random
from pathlib import Path

SERVICES = ["nginx", "haproxy", "redis", "postgresql", "grafana", "etcd", "consul", "varnish", "memcached", "rabbitmq"]
PACKAGES = ["curl", "jq", "htop", "rsync", "tmux", "acl", "zstd", "socat", "lsof", "strace", "iotop", "chrony"]
USERS = ["deploy", "backup", "monitor", "batch", "mirror", "gateway"]
GROUPS = ["web", "db", "app", "cache", "edge"]
BATCHES = ["1", "2", "5", "25%", "50%", "[1, 25%]", "[1, 5, 50%]"]
ENVIRONMENTS = ["prod", "staging"]


def write_inventory(folder: Path, hosts: int) -> None:
    """`hosts` hosts in five groups, each with a tag and a variable."""
    lines = ["defaults:", "  user: deploy", "groups:"]
    per_group = hosts // len(GROUPS)
    for index, group in enumerate(GROUPS):
        lines += [
            f"  {group}:",
            f'    hosts: ["{group}[1:{per_group}]"]',
            "    os: linux",
            f"    tags: {{ env: {'prod' if index % 2 else 'staging'}, tier: {group} }}",
            f"    vars: {{ port: {8000 + index} }}",
        ]
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n")
    (folder / "opsc.toml").write_text("")


def step(draw: random.Random, number: int) -> str:
    """One step, now and then with attributes."""
    service, package, user = draw.choice(SERVICES), draw.choice(PACKAGES), draw.choice(USERS)
    path = f"/srv/{service}/{user}{number}"
    choices = [
        f'file.directory(path: "{path}", mode: "07{draw.choice("505")}{draw.choice("05")}")',
        f'file.write(to: "{path}/motd", content: "{package} on {{host.name}} number {number}")',
        f'file.absent(path: "{path}/old")',
        f'service.ensure(name: "{service}", state: "{draw.choice(["running", "stopped"])}")',
        f'service.restart(name: "{service}")',
        f'package.ensure(names: ["{package}", "{draw.choice(PACKAGES)}"])',
        f'user.ensure(name: "{user}", shell: "/bin/bash")',
        f'http.check(url: "http://{{host.address}}:{{host.vars.port}}/{service}{number}", status: 200)',
        f"wait.port(port: {8000 + number}, state: \"open\")",
        f'shell.run(script: sh"systemctl show {service} | grep -c {package}{number}", effect: "read")',
    ]
    chosen = draw.choice(choices)
    if draw.random() < 0.25:
        chosen += f" {{\n      retry: {draw.randint(1, 9)}\n      every: {draw.randint(1, 59)}s\n    }}"
    return chosen


def row(body: str) -> str:
    """The effects that a body needs, as written after the `!`."""
    network = ", network" if "http.check(" in body or "package.ensure(" in body else ""
    return f"change, admin{network}{', exec' if 'shell.run(' in body else ''}"


def playbook(seed: int) -> str:
    """A playbook of 30 to 60 lines whose statements, not only its names, depend on the seed."""
    draw = random.Random(seed)
    group, other = draw.sample(GROUPS, 2)
    path = f"/etc/{draw.choice(SERVICES)}/{seed}.conf"
    lines = [
        "ops 1",
        "",
        f"playbook rollout_{seed}(",
        f'  {group}: hosts<linux>(1..) = group("{group}"),',
        f'  others: hosts = group("{other}") - host("{other}1"),',
        f"  port: int(1..65535) = {draw.randint(1024, 9999)},",
        f'  label: string = "release {seed}",',
        ") ! ROW {",
        f'  doc: "Roll number {seed} out to {group}, then to some of {other}."',
        "",
        f"  let chosen = others where host.vars.port > {draw.randint(1, 8000)}",
        f'  require chosen.count < {draw.randint(50, 500)} else "too many of {other}"',
        "",
        f'  on {group} (as: "root", batch: {draw.choice(BATCHES)}, max_failures: {draw.randint(0, 3)}) {{',
        f'    config = file.info(path: "{path}")',
        "    if config.exists {",
        f"      {step(draw, seed)}",
        "    } else {",
        f'      file.write(to: "{path}", content: "port = {{port}} # {{label}}\\n", mode: "0640")',
        "    }",
    ]
    for number in range(draw.randint(3, 8)):
        lines.append(f"    {step(draw, seed * 10 + number)}")
    lines += ["", "    on failure {", "      rollback", "    }", "  }", "", f"  on chosen (batch: {draw.choice(BATCHES)}) {{"]
    for number in range(draw.randint(2, 5)):
        lines.append(f"    {step(draw, seed * 10 + 5 + number)}")
    lines += ["  }", "}"]
    text = "\n".join(lines) + "\n"
    return text.replace("ROW", row(text), 1)


def write_playbooks(folder: Path, count: int) -> None:
    """`count` distinct playbooks with an inventory of 50 hosts."""
    write_inventory(folder, 50)
    (folder / "playbooks").mkdir()
    for seed in range(count):
        (folder / "playbooks" / f"rollout_{seed:03}.ops").write_text(playbook(seed))


def write_rollout(folder: Path, steps: int, hosts: int) -> None:
    """One playbook with many steps on many hosts."""
    write_inventory(folder, hosts)
    draw = random.Random(0)
    lines = ["ops 1", "", "playbook large(", "  targets: hosts<linux> = all(),", ") ! change, admin, network, exec {"]
    lines += ["  on targets (batch: 10%) {"]
    lines += [f"    {step(draw, number)}" for number in range(steps)]
    lines += ["  }", "}"]
    (folder / "large.ops").write_text("\n".join(lines) + "\n")


def write_fleet(folder: Path, groups: int, hosts: int) -> None:
    """An inventory of so many groups with so many hosts each; every host has an address and a variable of its own."""
    lines = ["defaults: { user: deploy, os: linux }", "tags: { env: [prod, staging] }", "groups:"]
    for group in range(groups):
        lines.append(f"  g{group:03}:")
        lines.append(f'    hosts: ["g{group:03}-[001:{hosts:03}]"]')
        lines.append(f"    tags: {{ env: {ENVIRONMENTS[group % 2]} }}")
        lines.append(f"    vars: {{ port: {8000 + group} }}")
    lines.append("hosts:")
    for group in range(groups):
        for host in range(1, hosts + 1):
            address = f"10.{group // 250}.{group % 250}.{host}"
            lines.append(f"  g{group:03}-{host:03}: {{ address: {address}, vars: {{ rack: r{host} }} }}")
    (folder / "opsc.toml").write_text("")
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n")


def write_steps(folder: Path, steps: int) -> None:
    """One playbook of steps that each change this machine by next to nothing, and must not be done twice."""
    lines = ["ops 1", "", "playbook steps() ! change, exec {", '  on host("localhost") {']
    lines += ['    shell.run(script: sh":", effect: "change")' for _ in range(steps)]
    lines += ["  }", "}"]
    (folder / "opsc.toml").write_text("")
    (folder / "steps.ops").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    import sys

    kind, target = sys.argv[1], Path(sys.argv[2])
    target.mkdir(parents=True)
    if kind == "playbooks":
        write_playbooks(target, int(sys.argv[3]))
    elif kind == "fleet":
        write_fleet(target, int(sys.argv[3]), int(sys.argv[4]))
    elif kind == "steps":
        write_steps(target, int(sys.argv[3]))
    else:
        write_rollout(target, int(sys.argv[3]), int(sys.argv[4]))
