"""SIMULATED: a small model of a Windows host, for tests of whole runs. Nothing here is Windows, and no PowerShell runs.

It is the `model` of powershell.py. It knows services, and files, of which one whose program runs can be neither replaced
nor removed, accounts, groups and installed programs, and does in them what the bodies of the library say. It knows these by their hashes: the `table` of the file
that OPSC_POWERSHELL names has them, made from the library. A body that is not in the table, or whose action
is not modelled, fails. What it was asked is kept with each value exactly as it came. A host is a folder, the `host` of
that file, so that it outlives each process that serves it:

  state.json     services, accounts and what else there is; the tests write the first one
  c/…            files, by their names in lower case, as Windows has them
  asked.jsonl    one line for each body: when, which, with which variables

What a program does as a service is in its text: "does not start", "ends soon", "needs runtime 7". An installer is JSON:
the `program` that it makes, and the `codes` that it ends with, one a time.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import re
import time

import __main__
import registry


class Error(Exception):
    """What a body throws; its text is the step's standard error."""


def body(step):
    """What powershell.py asks for."""
    options = json.loads(pathlib.Path(os.environ["OPSC_POWERSHELL"]).read_text())
    if step.text == __main__.source("src/run/facts_windows.ps1"):
        return {"out": __main__.FACTS}
    names = options["table"].get(step.hash, [])
    try:
        return {"out": Host(options["host"]).run(names, step)}
    except Error as error:
        return {"stderr": f"{error}\n", "code": 1}


class Host:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def run(self, names, step):
        """Runs the body that these `action.phase` share; what it reports. `Error` where it throws."""
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.tell({"at": time.monotonic_ns(), "body": names, "variables": step.variables,
                       "as": os.environ.get("OPSC_TASK_USER")})
            self.state = json.loads((self.folder / "state.json").read_text())
            known = [name for name in names if name in BODIES]
            if not known:
                raise Error(f"the model of Windows does not know {names or step.text}")
            try:
                return BODIES[known[0]](self, step.variables) or {}
            finally:
                (self.folder / "state.json").write_text(json.dumps(self.state, indent=1))

    def tell(self, what):
        with open(self.folder / "asked.jsonl", "a") as asked:
            asked.write(json.dumps(what, ensure_ascii=False) + "\n")

    # Services: `-eq` knows no case, so names have none here either.

    def service(self, name):
        return next((each for each in self.state["services"] if each["name"].lower() == name.lower()), None)

    def look_at_service(self, variables):
        service = self.service(variables["name"])
        start = service["start"] if service else "demand"
        return service, {
            "exists": service is not None,
            "running": bool(service) and service["status"] == "Running",
            "enabled": start in ("boot", "system", "auto", "delayed-auto"),
        }

    def needed_by(self, service):
        running = [each for each in self.state["services"] if each["status"] != "Stopped"]
        return ", ".join(each["name"] for each in running if service["name"] in each.get("needs", [])) or None

    def start(self, name, seconds):
        service = self.service(name)
        if service["status"] == "Running":
            return
        program = self.place(service["program"])
        if not program.exists():
            raise Error(f"{name} does not start: The system cannot find the file specified. It is Stopped, its code is 2.")
        text = program.read_text(errors="replace")
        needed = re.search(r"needs runtime (\d+)", text)
        if needed and int(needed[1]) > self.state.get("runtime", 0):
            raise Error(f"{name} does not start. It is Stopped, its code is 1114. The runtime {needed[1]} is not installed.")
        if "does not start" in text:
            raise Error(f"{name} does not start. It is Stopped, its code is 1067.")
        if "ends soon" in text and seconds > 0:
            raise Error(f"{name} started, but did not keep running for {seconds} s. It is Stopped, its code is 1067.")
        service["status"] = "Running"

    def stop(self, name):
        service = self.service(name)
        needing = self.needed_by(service)
        if needing:
            raise Error(f"services that run need {name}: {needing}")
        service["status"] = "Stopped"

    # Files.

    def place(self, path):
        """Where a path of the host lies here. A staged file has a path of this machine."""
        if path.startswith("/"):
            return pathlib.Path(path)
        drive, _, rest = path.partition(":\\")
        if len(drive) != 1 or not rest:
            raise Error(f"the model of Windows knows no path {path}")
        parts = rest.split("\\")
        if any(part in ("", ".", "..") or set(part) & set('/<>:"|?*') for part in parts):
            raise Error(f"The given path's format is not supported: {path}")
        return self.folder.joinpath(drive.lower(), *(part.lower() for part in parts))

    def holders(self, path):
        running = [each for each in self.state["services"] if each["status"] == "Running"]
        return [each["name"] for each in running if self.place(each["program"]) == self.place(path)]

    def replace(self, path, content):
        holders = self.holders(path)
        if holders:
            raise Error(f"{path} is in use by service {holders[0]}, so stop that first: Access to the path is denied.")
        place = self.place(path)
        if not place.parent.is_dir():
            raise Error(f"the folder of {path} does not exist")
        place.write_bytes(content)

    def look_at_file(self, path):
        place = self.place(path)
        fields = {"exists": place.exists()}
        if place.is_file():
            fields["size"] = place.stat().st_size
            fields["sha256"] = hashlib.sha256(place.read_bytes()).hexdigest()
        return fields

    def keep(self, path):
        """A copy of what is there, by which `rollback` finds it again."""
        place = self.place(path)
        if not place.exists():
            return {}
        kept = f"C:\\Users\\ann\\.opsc\\backup\\file.{len(list(self.folder.rglob('file.*')))}"
        self.place(kept).parent.mkdir(parents=True, exist_ok=True)
        self.place(kept).write_bytes(place.read_bytes())
        return {"kept": kept}

    # Accounts, groups and programs: lists of `state.json`, whose names have no case.

    def entry(self, kind, name):
        return next((each for each in self.state.setdefault(kind, []) if each["name"].lower() == name.lower()), None)

    def remove(self, kind, name):
        self.state[kind] = [each for each in self.state[kind] if each["name"].lower() != name.lower()]

    def group(self, name):
        group = self.entry("groups", name)
        if not group:
            raise Error(f"there is no group {name}")
        return group

    def groups_of(self, name):
        return [group["name"] for group in self.state.setdefault("groups", []) if name.lower() in group["members"]]

    def join(self, user, group):
        self.group(group)["members"].append(user.lower())

    def leave(self, user, group):
        self.group(group)["members"].remove(user.lower())

    def program(self, name):
        all_ = self.state.setdefault("programs", [])
        return next((each for each in all_ if name in (each["name"], each["code"])), None)

    def install(self, path):
        place = self.place(path)
        installer = json.loads(place.read_text())
        code = installer["codes"].pop(0)
        place.write_text(json.dumps(installer))
        if code in (0, 1641, 3010):
            self.state["programs"].append(installer["program"])
        return code


def lacks(names, others):
    known = {name.lower() for name in others}
    return [name for name in names if name.lower() not in known]


def user_ensure(host, variables):
    if re.match(r"\$[0-9a-z]+\$", variables["password"] or ""):
        raise Error("on Windows, password is the password itself, and this looks like a hash")
    user = host.entry("users", variables["name"])
    now = host.groups_of(variables["name"]) if user else []
    missing, others = lacks(variables["groups"], now), lacks(now, variables["groups"])
    comment = variables["comment"]
    right = bool(user) and (comment is None or comment == user["comment"]) and not missing
    fields = {"comment": user["comment"]} if user else {}
    return fields | {
        "exists": bool(user),
        "missing": missing,
        "others": others,
        "hashed": True,
        "right": right and (variables["append"] or not others),
    }


def user_ensure_apply(host, variables):
    name = variables["name"]
    user = host.entry("users", name)
    if not user:
        user = {"name": name, "comment": "", "sha256": None}
        if variables["password"] is not None:
            user["sha256"] = hashlib.sha256(variables["password"].encode()).hexdigest()
        host.state["users"].append(user)
    if variables["comment"] is not None:
        user["comment"] = variables["comment"]
    now = host.groups_of(name)
    for group in lacks(variables["groups"], now):
        host.join(name, group)
    for group in lacks(now, variables["groups"]) if not variables["append"] else []:
        host.leave(name, group)


def user_ensure_rollback(host, variables):
    name = variables["name"]
    if not variables["before_exists"]:
        for group in host.groups_of(name):
            host.leave(name, group)
        host.remove("users", name)
        return
    if variables["comment"] is not None:
        host.entry("users", name)["comment"] = variables["before_comment"] or ""
    now = host.groups_of(name)
    for group in (variables["before_missing"] or "").split("\n"):
        if group in now:
            host.leave(name, group)
    for group in lacks(filter(None, (variables["before_others"] or "").split("\n")), now):
        host.join(name, group)


def user_remove(host, variables):
    user = host.entry("users", variables["name"])
    return {
        "exists": bool(user),
        "is_root": bool(user) and user.get("number", 1001) == 500,
        "has_home_of_others": False,
        "returns": False,
    }


def user_info(host, variables):
    user = host.entry("users", variables["name"])
    fields = {"comment": user["comment"], "locked": user.get("locked", False)} if user else {}
    return fields | {"exists": bool(user), "groups": host.groups_of(variables["name"]) if user else []}


def group_ensure(host, variables):
    there = host.entry("groups", variables["name"]) is not None
    return {"exists": there, "right": there}


def group_ensure_rollback(host, variables):
    if not variables["before_exists"]:
        host.remove("groups", variables["name"])


def group_remove(host, variables):
    group = host.entry("groups", variables["name"])
    members = {"members": ",".join(f"HOST\\{name}" for name in group["members"])} if group else {}
    return members | {"exists": bool(group), "returns": False}


def group_info(host, variables):
    group = host.entry("groups", variables["name"])
    return {"exists": bool(group), "members": [f"HOST\\{name}" for name in group["members"]] if group else []}


def windows_package(host, variables):
    found = host.program(variables["name"])
    fields = {"version": found["version"]} if found else {}
    right = bool(found) and variables["version"] in (None, found["version"])
    return fields | {
        "installed": bool(found),
        "right": right,
        "there": host.place(variables["installer"]).exists(),
    }


def windows_package_apply(host, variables):
    code = 1618
    while code == 1618:
        code = host.install(variables["installer"])
    if code not in [int(each) for each in variables["codes"]]:
        raise Error(f"{variables['installer']} ended with the code {code}")
    return {"code": code, "restart_needed": code in (1641, 3010)}


def windows_package_rollback(host, variables):
    found = host.program(variables["name"])
    if found and not found["quiet"]:
        raise Error(f"{variables['name']} does not say how it is removed without questions")
    if found:
        host.remove("programs", found["name"])


def windows_no_package(host, variables):
    found = host.program(variables["name"])
    return {"installed": bool(found)} | ({"version": found["version"]} if found else {})


def service_status(host, variables):
    service, fields = host.look_at_service(variables)
    state = service["status"] if service else "absent"
    masked = bool(service) and service["start"] == "disabled"
    return fields | {"masked": masked, "state": state, "detail": service["start"] if service else ""}


def service_check(host, variables):
    service, fields = host.look_at_service(variables)
    return fields | {"state": service["status"] if service else "absent"}


def service_start(host, variables):
    service, fields = host.look_at_service(variables)
    return fields | {"unmasked": not service or service["start"] != "disabled" or fields["running"]}


def service_stop(host, variables):
    service, fields = host.look_at_service(variables)
    stopped = not service or service["status"] == "Stopped"
    return fields | {"stopped": stopped, "needed_by": host.needed_by(service) if service else None}


def service_ensure(host, variables):
    service, fields = host.look_at_service(variables)
    running, wanted = fields["running"], variables["state"] == "running"
    enabled = variables["enabled"]
    return fields | {
        "start_type": service["start"] if service else "demand",
        "state_right": running == wanted,
        "enabled_right": enabled is None or enabled == fields["enabled"],
        "unmasked": True,
        "bootable": True,
    }


def service_ensure_apply(host, variables):
    if variables.get("before_enabled_right") is not True:
        host.service(variables["name"])["start"] = "auto" if variables["enabled"] else "demand"
    if variables.get("before_state_right") is not True:
        if variables["state"] == "running":
            host.start(variables["name"], variables["settle"])
        else:
            host.stop(variables["name"])


def file_copy(host, variables):
    return host.look_at_file(variables["to"]) | {"rights_right": True}


def file_copy_apply(host, variables):
    kept = host.keep(variables["to"])
    host.replace(variables["to"], host.place(variables["from"]).read_bytes())
    return kept


def file_write(host, variables):
    fields = host.look_at_file(variables["to"])
    same = fields.get("sha256") == hashlib.sha256(variables["content"].encode()).hexdigest()
    return fields | {"rights_right": True, "same": same}


def file_write_apply(host, variables):
    kept = host.keep(variables["to"])
    host.replace(variables["to"], variables["content"].encode())
    return kept


def put_old_back(host, variables):
    path = variables["to"]
    if not variables["before_exists"]:
        host.place(path).unlink(missing_ok=True)
    elif variables.get("apply_kept"):
        kept = host.place(variables["apply_kept"])
        host.replace(path, kept.read_bytes())
        kept.unlink()


def file_info(host, variables):
    fields = host.look_at_file(variables["path"])
    place = host.place(variables["path"])
    return fields | {"kind": "directory" if place.is_dir() else "file" if place.is_file() else None}


def os_update(host, variables):
    waiting = [each["title"] for each in host.state.get("updates", []) if not each.get("installed")]
    return {
        "barred": "yes" if waiting and "OPSC_TASK_USER" not in os.environ else None,
        "waiting": waiting,
        "updated": [],
        "current": not waiting,
        "fresh": True,
        "reboot_required": False,
    }


def os_update_apply(host, variables):
    updates = [each for each in host.state["updates"] if not each.get("installed")]
    for each in updates:
        each["installed"] = each["result"] in (2, 3)
    failed = [f"{each['title']} (result {each['result']}, 0x80070005)" for each in updates if not each["installed"]]
    if failed:
        raise Error(f"Windows Update could not install {', '.join(failed)}")
    return {"updated": [each["title"] for each in updates], "reboot_required": True}


BODIES = {
    "os.update.check": os_update,
    "os.update.apply": os_update_apply,
    "service.status.check": service_status,
    "service.check.check": service_check,
    "service.start.check": service_start,
    "service.start.apply": lambda host, variables: host.start(variables["name"], variables["settle"]),
    "service.start.rollback": lambda host, variables: host.stop(variables["name"]),
    "service.stop.check": service_stop,
    "service.stop.apply": lambda host, variables: host.stop(variables["name"]),
    "service.stop.rollback": lambda host, variables: host.start(variables["name"], 0),
    "service.ensure.check": service_ensure,
    "service.ensure.apply": service_ensure_apply,
    "file.info.check": file_info,
    "file.copy.check": file_copy,
    "file.copy.apply": file_copy_apply,
    "file.copy.rollback": put_old_back,
    "file.write.check": file_write,
    "file.write.apply": file_write_apply,
    "file.write.rollback": put_old_back,
    "user.ensure.check": user_ensure,
    "user.ensure.apply": user_ensure_apply,
    "user.ensure.rollback": user_ensure_rollback,
    "user.remove.check": user_remove,
    "user.remove.apply": lambda host, variables: host.remove("users", variables["name"]),
    "user.info.check": user_info,
    "group.ensure.check": group_ensure,
    "group.ensure.apply": lambda host, variables: host.state["groups"].append({"name": variables["name"], "members": []}),
    "group.ensure.rollback": group_ensure_rollback,
    "group.remove.check": group_remove,
    "group.remove.apply": lambda host, variables: host.remove("groups", variables["name"]),
    "group.info.check": group_info,
    "windows.package.check": windows_package,
    "windows.package.apply": windows_package_apply,
    "windows.package.rollback": windows_package_rollback,
    "windows.no_package.check": windows_no_package,
    "windows.no_package.apply": windows_package_rollback,
} | registry.BODIES
