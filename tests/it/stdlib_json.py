"""Random JSON files are edited by the awk program of file.json and file.no_json, and by Python; both must agree.

Arguments: the program, and the awk. Knows nothing of opsc."""
import copy
import json
import os
import random
import re
import subprocess
import sys

PROGRAM = open(sys.argv[1]).read()
AWK = sys.argv[2:]
NAMES = ["a", "b", 'it"s', "x\\y", "ü", "", "a b", "0", "1", "/"]
TEXTS = ["", "x", '\n"\\\t', "üö€😀", "\x01\x1f", "/", '{"a":1}', "\ud83d", "&\\\\&"]
RANDOM = random.Random(7)


def edited(what, text, keys, value=None):
    ended = "false" if text and not text.endswith("\n") else "true"
    env = dict(os.environ, keys="".join(key + "\n" for key in keys), path="F", LC_ALL="C", value=value or "")
    command = AWK + ["-v", "what=" + what, "-v", "ended=" + ended, PROGRAM]
    done = subprocess.run(command, input=text.encode(), env=env, capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else None


def made(depth=0):
    kind = RANDOM.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return RANDOM.choice([True, False, None, 0, -1, 1.5, 1e30, 12345])
    if kind < 5:
        return RANDOM.choice(TEXTS)
    if kind < 7:
        return {name: made(depth + 1) for name in RANDOM.sample(NAMES, RANDOM.randrange(4))}
    return [made(depth + 1) for _ in range(RANDOM.randrange(4))]


def place(held, key):
    """The key as this takes it; KeyError where it has no such place."""
    if isinstance(held, dict):
        return key
    if isinstance(held, list) and key.isdigit() and str(int(key)) == key and int(key) < len(held):
        return int(key)
    raise KeyError(key)


def with_value(root, keys, value):
    root = copy.deepcopy(root)
    held = root
    for key in keys[:-1]:
        key = place(held, key)
        if isinstance(held, dict) and key not in held:
            held[key] = {}
        held = held[key]
    held[place(held, keys[-1])] = value
    return root


def without(root, keys):
    root = copy.deepcopy(root)
    held = root
    try:
        for key in keys[:-1]:
            held = held[place(held, key)]
        if isinstance(held, list) and place(held, keys[-1]) is not None:
            return None
        del held[place(held, keys[-1])]
    except KeyError:
        pass
    return root


def respelled(text):
    """The same values with other escapes here and there."""
    others = {'"': "u0022", "\\": "u005C", "n": "u000a", "t": "u0009"}
    return re.sub(r"\\(.)", lambda found: "\\" + RANDOM.choice([found[1], others.get(found[1], found[1])]), text)


def way(root):
    """Keys that mostly lead somewhere."""
    keys = []
    for _ in range(RANDOM.randrange(1, 5)):
        known = list(root) if isinstance(root, dict) else []
        if isinstance(root, list):
            known = [str(number) for number in range(len(root))]
        keys.append(RANDOM.choice(known) if known and RANDOM.random() < 0.8 else RANDOM.choice(NAMES))
        try:
            root = root[place(root, keys[-1])]
        except KeyError:
            root = None
    return keys


def check(root, text, keys, value):
    asked = json.dumps(value, indent=RANDOM.choice([None, 2]))
    try:
        expected = with_value(root, keys, value)
    except KeyError:
        expected = None
    got = edited("set", text, keys, asked)
    if expected is None:
        assert got is None, ("set where nothing can be", got)
    else:
        assert got is not None and json.loads(got) == expected, ("set", got, expected)
        assert json.dumps(json.loads(got)) == json.dumps(expected), ("order", got)
        assert edited("set", got, keys, asked) == got, ("again", got)
    got = edited("remove", text, keys)
    expected = without(root, keys)
    if expected is None:
        assert got is None, ("remove a place of a list", got)
        return
    assert got is not None and json.loads(got) == expected, ("remove", got)
    assert expected != root or got == text, ("nothing to remove", got)


BROKEN = [
    "{", "[1,]", '{"a":1,}', '{"a" 1}', "{a:1}", '"\x01"', '{"a":01}', '{"a":+1}', '{"a":1.}', "nul", '{"a":1} x',
    "// c\n{}", '{"a":"\\x"}', '{"a":"\\u12"}', "[1 2]", '{"a":1 "b":2}', "{'a':1}", '{"a":"', "NaN", "\ufeff{}", "{,}",
    "[,1]", "[" * 300 + "]" * 300,
]
for text in BROKEN:
    assert edited("remove", text, ["a"]) is None, text
for number in range(400):
    root = {"a": made()} if number % 9 else {"b": [made()]}
    style = {"indent": RANDOM.choice([None, 1, 4, "\t"]), "separators": RANDOM.choice([None, (",", ":")])}
    text = json.dumps(root, ensure_ascii=True, **style) if number % 2 else json.dumps(root, ensure_ascii=False, **style)
    text = text.encode("utf-8", "replace").decode()
    root = json.loads(text)
    text = respelled(text)
    assert json.loads(text) == root
    text += RANDOM.choice(["", "\n", "\n\n"])
    keys = way(root)
    try:
        check(root, text, keys, made(2))
    except AssertionError as error:
        sys.exit(f"{text!r} {keys}: {error}")
print("400 files")
