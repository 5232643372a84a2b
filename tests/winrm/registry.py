"""SIMULATED: the registry and the processes of the model in windows.py, which hands bodies over to here.

`state.json` has of each: "registry", by view and hive and then by key, the values by their names with kind and text; and
"processes", each with a name, a number, and what ends it: to be asked ("window"), or to be made to ("force").
"""

import json
import re
import uuid

HIVES = {"HKLM": "LocalMachine", "HKEY_LOCAL_MACHINE": "LocalMachine", "HKCU": "CurrentUser",
         "HKEY_CURRENT_USER": "CurrentUser", "HKCR": "ClassesRoot", "HKEY_CLASSES_ROOT": "ClassesRoot",
         "HKU": "Users", "HKEY_USERS": "Users", "HKCC": "CurrentConfig", "HKEY_CURRENT_CONFIG": "CurrentConfig"}


class Key:
    """A key as a body sees it: a part of the registry, and the path below it. Neither paths nor names know case."""

    def __init__(self, host, variables):
        word, _, self.below = variables["key"].partition("\\")
        part = f"{HIVES[word.rstrip(':').upper()]} {variables['view']}"
        self.part = host.state.setdefault("registry", {}).setdefault(part, {})

    def values(self, below=None):
        below = self.below if below is None else below
        return next((values for path, values in self.part.items() if path.lower() == below.lower()), None)

    def value(self, name):
        values = self.values() or {}
        return next((value for each, value in values.items() if each.lower() == name.lower()), None)

    def folders(self):
        """The path and all above it below the hive, the longest first."""
        parts = self.below.split("\\")
        return ["\\".join(parts[:count]) for count in range(len(parts), 0, -1)]

    def write(self, name, kind, text):
        for folder in reversed(self.folders()):
            if self.values(folder) is None:
                self.part[folder] = {}
        there = next((each for each in self.values() if each.lower() == name.lower()), name)
        self.values()[there] = [kind, text]

    def delete(self, name):
        values = self.values()
        for each in [each for each in values or {} if each.lower() == name.lower()]:
            del values[each]

    def tree(self, below=None):
        below = (self.below if below is None else below).lower()
        return [path for path in self.part if path.lower() == below or path.lower().startswith(below + "\\")]


def canonical(kind, text):
    """The text that stands for what is written."""
    if kind in ("dword", "qword"):
        return str(int(text, 16) if text[:2].lower() == "0x" else int(text))
    if kind == "binary":
        return re.sub(r"[\s,-]", "", text).lower()
    if kind == "multistring":
        return "\n".join(re.split(r"\r?\n", text.rstrip("\r\n")))
    return text


def found(value):
    return {"exists": False} if value is None else {"exists": True, "kind": value[0], "value": value[1]}


def registry_set(host, variables):
    key = Key(host, variables)
    now = key.value(variables["name"])
    wanted = [variables["type"], canonical(variables["type"], variables["value"])]
    missing = [folder for folder in key.folders() if key.values(folder) is None]
    return found(now) | {"right": now == wanted} | ({"missing": missing[-1]} if missing else {})


def registry_set_apply(host, variables):
    kind = variables["type"]
    Key(host, variables).write(variables["name"], kind, canonical(kind, variables["value"]))


def registry_set_rollback(host, variables):
    key = Key(host, variables)
    if variables["before_exists"]:
        return key.write(variables["name"], variables["before_kind"], variables["before_value"])
    key.delete(variables["name"])
    for folder in key.folders():
        if not variables["before_missing"] or len(folder) < len(variables["before_missing"]):
            break
        if key.values(folder) is None:
            continue
        if len(key.tree(folder)) > 1 or key.values(folder):
            break
        del key.part[key.tree(folder)[0]]


def registry_remove(host, variables):
    key = Key(host, variables)
    if variables["name"] is not None:
        return found(key.value(variables["name"])) | {"has_keys": False}
    return {"exists": key.values() is not None, "has_keys": len(key.tree()) > 1}


def registry_remove_apply(host, variables):
    key = Key(host, variables)
    if variables["name"] is not None:
        return key.delete(variables["name"])
    kept = f"C:\\Users\\ann\\.opsc\\backup\\registry.{uuid.uuid4().hex}.reg"
    host.place(kept).parent.mkdir(parents=True, exist_ok=True)
    host.place(kept).write_text(json.dumps({path: key.part.pop(path) for path in key.tree()}))
    return {"kept": kept}


def registry_remove_rollback(host, variables):
    key = Key(host, variables)
    if variables["name"] is not None:
        if variables["before_exists"]:
            key.write(variables["name"], variables["before_kind"], variables["before_value"])
    elif variables["apply_kept"] and host.place(variables["apply_kept"]).exists():
        kept = host.place(variables["apply_kept"])
        key.part.update(json.loads(kept.read_text()))
        kept.unlink()


def registry_get(host, variables):
    return found(Key(host, variables).value(variables["name"]))


def named(host, variables):
    plain = lambda name: re.sub(r"(?i)\.exe\Z", "", name).lower()
    processes = host.state.setdefault("processes", [])
    return [each for each in processes if plain(each["name"]) == plain(variables["name"])]


def process_status(host, variables):
    pids = sorted(each["pid"] for each in named(host, variables))
    return {"pids": pids, "count": len(pids), "running": bool(pids)}


def process_kill(host, variables):
    count = len(named(host, variables))
    return {"count": count, "running": count > 0}


def process_kill_apply(host, variables):
    ways = {"window", "force"} if variables["force"] else {"window"}
    for each in named(host, variables):
        if each["ends"] in ways:
            host.state["processes"].remove(each)


BODIES = {
    "registry.set.check": registry_set,
    "registry.set.apply": registry_set_apply,
    "registry.set.rollback": registry_set_rollback,
    "registry.remove.check": registry_remove,
    "registry.remove.apply": registry_remove_apply,
    "registry.remove.rollback": registry_remove_rollback,
    "registry.get.check": registry_get,
    "process.status.check": process_status,
    "process.kill.check": process_kill,
    "process.kill.apply": process_kill_apply,
}
