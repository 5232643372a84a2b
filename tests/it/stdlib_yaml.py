"""Random YAML files are edited by the awk program of file.yaml and file.no_yaml, and by Python; both must agree, or the program
must refuse what it says that it refuses.

Arguments: the program, and the awk. Knows nothing of opsc."""
import copy
import json
import os
import random
import subprocess
import sys

import yaml

PROGRAM = open(sys.argv[1]).read()
AWK = sys.argv[2:]
NAMES = ["a", "b", 'it"s', "it's", "x\\y", "ü", "a b", "a: b", "#c", "- d", "yes", "null", "8080", "1.5", "&x", "k-e_y", "http://x/"]
TEXTS = ["", "x", "plain words", "üö€😀", "10m", "1.2.3", "/a/b", "# no", "a # b", "a: b", "- x", "yes", "010", "1e3", "12:30", "~", "[x", "{y}",
         "it's", 'say "x"', "back\\slash", "tab\there", "*a", "&a", "!t", "%d", "@e", "x:", " lead", "trail ", "2020-01-01", "\x01\x7f\x85\u2028", "long " * 30]
LINES = ["one\ntwo\n", "a: b\n  c: d\n", "# x\n\n\n", "\n lead\n", "no end\nx", "'x\n\"y\n"]
RANDOM = random.Random(11)


def edited(what, text, keys, value=None):
    ended = "false" if text and not text.endswith("\n") else "true"
    env = dict(os.environ, keys="".join(key + "\n" for key in keys), path="F", LC_ALL="C", value=value or "")
    command = AWK + ["-v", "what=" + what, "-v", "ended=" + ended, PROGRAM]
    done = subprocess.run(command, input=text.encode(), env=env, capture_output=True)
    if done.returncode == 0:
        return done.stdout.decode(), ""
    assert done.returncode == 1 and not done.stdout and done.stderr.count(b"\n") == 1, (done, text)
    return None, done.stderr.decode()


def scalar(lines=True):
    kind = RANDOM.randrange(4)
    if kind == 0:
        return RANDOM.choice([True, False, None, 0, -1, 12345, 1.5, -0.25, 10**20])
    if kind == 1 and lines:
        return RANDOM.choice(LINES)
    return RANDOM.choice(TEXTS)


def made(depth=0):
    kind = RANDOM.randrange(8 if depth < 4 else 4)
    if kind < 4:
        return scalar()
    if kind < 7:
        return {name: made(depth + 1) for name in RANDOM.sample(NAMES, RANDOM.randrange(4))}
    return [made(depth + 1) for _ in range(RANDOM.randrange(4))]


class Loose(yaml.SafeDumper):
    """Lists as many write them: further in than the name that they belong to; texts of lines as blocks."""
    far = False

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, indentless and not self.far)

    def ignore_aliases(self, data):
        return True


def text_of(dumper, text):
    blocks = "\n" in text and RANDOM.random() < 0.8
    style = RANDOM.choice("|>") if blocks else RANDOM.choice([None, None, "'", '"'])
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Loose.add_representer(str, text_of)


def written(root):
    Loose.far = RANDOM.random() < 0.5
    text = yaml.dump(root, Dumper=Loose, indent=RANDOM.choice([2, 2, 4]), sort_keys=False, default_flow_style=False,
                     allow_unicode=RANDOM.random() < 0.7, width=RANDOM.choice([40, 1000]), explicit_start=RANDOM.random() < 0.2)
    return text


def with_notes(text, root):
    """The same with comments, empty lines, or other line ends, where that changes nothing."""
    lines = text.split("\n")
    for _ in range(RANDOM.randrange(4)):
        at = RANDOM.randrange(len(lines))
        other = list(lines)
        kind = RANDOM.randrange(4)
        if kind == 0:
            other.insert(at, " " * RANDOM.choice([0, 2, 4]) + "# a: b")
        elif kind == 1:
            other.insert(at, "")
        elif kind == 2 and lines[at]:
            other[at] += "   # it's"
        elif lines[at].endswith(": {}"):
            other[at] = other[at][:-3]
        try:
            if yaml.safe_load("\n".join(other)) == root:
                lines = other
        except yaml.YAMLError:
            pass
    text = "\n".join(lines)
    if RANDOM.random() < 0.1 and yaml.safe_load(text.rstrip("\n")) == root:
        text = text.rstrip("\n")
    crlf = text.replace("\n", "\r\n")
    return crlf if RANDOM.random() < 0.1 and yaml.safe_load(crlf) == root else text


def way(root):
    keys = []
    for _ in range(RANDOM.randrange(1, 5)):
        known = [key for key in root if isinstance(key, str)] if isinstance(root, dict) else []
        keys.append(RANDOM.choice(known) if known and RANDOM.random() < 0.8 else RANDOM.choice(NAMES))
        root = root.get(keys[-1]) if isinstance(root, dict) else None
    return keys


def with_value(root, keys, value):
    """None where what is there is no place for it."""
    root = copy.deepcopy(root)
    held = root
    for key in keys[:-1]:
        if held.get(key) is None:
            held[key] = {}
        held = held[key]
        if not isinstance(held, dict):
            return None
    if isinstance(held.get(keys[-1]), (dict, list)):
        return None
    held[keys[-1]] = value
    return root


def without(root, keys):
    root = copy.deepcopy(root)
    held = root
    for key in keys[:-1]:
        held = held.get(key)
        if not isinstance(held, dict):
            return root
    held.pop(keys[-1], None)
    return root


def same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def others_stay(text, got, most):
    """All lines but so many are still there, in their order."""
    left, rest = text.split("\n"), iter(got.split("\n"))
    missing = sum(1 for line in left if not any(line == other for other in rest))
    return missing <= most or len(left) - sum(line in got.split("\n") for line in left) <= most


refusals = 0


def check(root, text, keys, value):
    global refusals
    asked = json.dumps(value, ensure_ascii=RANDOM.random() < 0.3)
    expected = with_value(root, keys, value)
    got, why = edited("set", text, keys, asked)
    if got is None:
        refusals += expected is not None
        lines = "several lines" in why or "line of its own" in why or "without a line end" in why
        assert expected is None or lines, ("set refused", why)
    else:
        assert expected is not None and same(yaml.safe_load(got), expected), ("set", got, expected)
        assert list(yaml.safe_load(got)) == list(expected), ("order", got)
        assert edited("set", got, keys, asked)[0] == got, ("again", got)
        assert others_stay(text, got, 1), ("lines", got)
    got, why = edited("remove", text, keys)
    expected = without(root, keys)
    if got is None:
        listed = "a list" in why or "line of its own" in why
        assert listed and same(expected, root), ("remove refused", why)
        return
    assert same(yaml.safe_load(got), expected), ("remove", got, expected)
    assert not same(expected, root) or got == text, ("nothing to remove", got)


# What is refused in both, with a way to a.b, and why.
REFUSED = {
    "a: {b: 1}": "brackets", "a: {b: 1,\n  c: 2}": "brackets", "a: &x\n  b: 1\nc: *x": "anchor", "a: *x": "alias", "a: !t\n  b: 1": "tag",
    "a:\n- b: 1": "list", "a:\n  - b": "list", "a: 1\na: 2": "twice", "a: 1\n---\na: 2": "second document", "? a\n: 1": "marked with ?",
    "%YAML 1.1\n---\na: 1": "directives", "a: [1": "ends within", "a: \"x": "ends within", "\ta: 1": "tab", "a: 1\n...\nx": "behind the line ...",
    "x: &x {b: 1}\na:\n  <<: *x": "takes others in", "&m a:\n  b: 1": "not understood", "a: [1] x\n": "behind a bracket", "\ufeffa: 1": "mark of",
    "  a: 1\nb: 2": "less indented", "a:\n  {b: 1}": "line of its own", "a: `x": "begins with `",
}
for text, words in REFUSED.items():
    for what in ["set", "remove"]:
        got, why = edited(what, text, ["a", "b"], "1")
        assert got is None and words in why, (text, what, got, why)
# What only looks like something else.
KEPT = {
    'x: "a: 1\n  b"\na: 1\n': 'x: "a: 1\n  b"\na: 9\n', "x: |\n  a: 1\n\n  a: 2\na: 1\n": "x: |\n  a: 1\n\n  a: 2\na: 9\n",
    "x: [it's,\n  'a: 1', # ]\n]\na: 1 # one\n": "x: [it's,\n  'a: 1', # ]\n]\na: 9 # one\n", "x: one\n  a'\n  two\na: 1\n": "x: one\n  a'\n  two\na: 9\n",
    "a: 1\n...\n": "a: 9\n...\n", "...\n": "a: 9\n...\n", "x: 1\n...\n# y": "x: 1\na: 9\n...\n# y", "{}\n": "a: 9\n", "# x\n{ }": "# x\na: 9\n", "- a: 1\n": None, "just text\n": None, "": "a: 9\n", "# only\n": "# only\na: 9\n", "a:\n": "a: 9\n", "a: # none\n": "a: 9 # none\n",
    "a: 'it''s'\n": "a: 9\n", '"a": "\\u0041"\n': '"a": 9\n', "a: yes\nb: 1": "a: 9\nb: 1", "b:\n  a: 1": "b:\n  a: 1\na: 9\n", "x: |+\n  t\n\n": "x: |+\n  t\n\na: 9\n",
    "a: 09\n": "a: 9\n", "a: 9 \n": "a: 9 \n", "x: !t |\n a: 1\na: b\n": "x: !t |\n a: 1\na: 9\n", "x:\n- &i |\n a: 1\n- *i\na: 0\n": "x:\n- &i |\n a: 1\n- *i\na: 9\n",
    "x:\r\n  y: 1\r\n": "x:\r\n  y: 1\r\na: 9\r\n", "a: x#y\n": "a: 9\n", "x: {a: 1}\na: http://x #\n": "x: {a: 1}\na: 9 #\n",
}
for text, expected in KEPT.items():
    assert edited("set", text, ["a"], "9")[0] == expected, (text, edited("set", text, ["a"], "9"))
GIVEN = {"x y": "x y", '"x y"': "x y", '"yes"': '"yes"', "30s": "30s", '"10"': '"10"', "-1.5": "-1.5", "null": "null", "true": "true",
         '"http://x:1/"': "http://x:1/", '"a: b"': '"a: b"', '"\\ud83d\\ude00"': '"😀"', '"\\u2028\\u0085"': '"\\u2028\\x85"', '""': '""'}
for value, expected in GIVEN.items():
    assert edited("set", "", ["a"], value)[0] == "a: " + expected + "\n", (value, edited("set", "", ["a"], value))
for value in ["yes", "010", "1e5", "{}", "[1]", "a: b", "x # y", "*a", "|", '"a', '"\\ud83d"', '"\\q"', "'x'", "", '"a" "b"', '"\\u0000"', "2020-01-01"]:
    assert edited("set", "", ["a"], value)[0] is None, value
for number in range(400):
    root = {name: made(1) for name in RANDOM.sample(NAMES, RANDOM.randrange(1, 5))}
    text = with_notes(written(root), root)
    root = yaml.safe_load(text)
    keys = way(root)
    try:
        check(root, text, keys, scalar(False))
    except (AssertionError, yaml.YAMLError) as error:
        sys.exit(f"{number}: {text}\n{text!r} {keys}: {error}")
assert refusals < 40, refusals
print("400 files")
