#!/usr/bin/env python3
"""SIMULATED: a stand-in for powershell.exe, where neither Windows nor PowerShell can be had. No line of PowerShell runs here.

It insists on being started with the bootstrap of opsc, and on the runtime of opsc as the first frame. Then it speaks the
frames, and does of each body what a dictionary says: the file that OPSC_POWERSHELL names, in JSON, as in

    {"bodies": {"the text of a body, or its SHA-256": {"out": {"name": "value"}, "stdout": "…", "stderr": "…", "code": 1}},
     "model": "a Python file with `def body(step)` for all other bodies", "log": "a file for what was asked, a line each",
     "temp": "a folder", "strangers": ["a name that no account has"]}

What it may say of a body is at `Lane.tell`; a list of such is what it does the first time, the second and so on. A model gets
a `Step`, and gives one.
"""

import base64
import hashlib
import importlib.util
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import tasks

ROOT = Path(__file__).resolve().parents[2]
SHELL = ROOT / "src/shell"
MARK = "\x1e"


def source(path):
    return (ROOT / path).read_text()


def fail(words):
    """As PowerShell itself would: its words are not UTF-8 marks, and the code says that it failed."""
    sys.stderr.write(f"#< CLIXML\n<Objs><S S=\"Error\">{words}</S></Objs>")
    sys.stderr.flush()
    os._exit(1)


def read_options():
    path = os.environ.get("OPSC_POWERSHELL")
    return json.loads(Path(path).read_text()) if path else {}


def read_dictionary(options):
    """Bodies by SHA-256, and who answers for the rest. Whoever has a model of Windows plugs it in here."""
    named = {}
    for body, answer in options.get("bodies", {}).items():
        is_hash = re.fullmatch("[0-9a-f]{64}", body)
        named[body if is_hash else hashlib.sha256(body.encode()).hexdigest()] = answer
    model = None
    if options.get("model"):
        spec = importlib.util.spec_from_file_location("model", options["model"])
        model = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(model)
    return named, model


class Step:
    """A step as its body sees it."""

    def __init__(self, frame, texts):
        self.frame, self.hash = frame, frame["body"]
        self.text = texts[self.hash]
        self.functions = {each["name"]: texts[each["body"]] for each in frame["functions"]}
        self.scripts = {each["name"]: each["text"] for each in frame["scripts"]}
        self.env, self.cwd, self.stdin = frame["env"], frame.get("cwd"), frame.get("stdin")
        self.variables = {each["name"]: value_of(each) for each in frame["variables"]}


def value_of(variable):
    """Of the type that it has in PowerShell."""
    kind, value = variable["kind"], variable["value"]
    if kind == "absent":
        assert value is None
        return None
    if kind == "list":
        assert all(isinstance(item, str) for item in value)
        return value
    assert isinstance(value, str), variable
    if kind == "bool":
        return {"true": True, "false": False}[value]
    return {"text": str, "long": int, "double": float}[kind](value)


def started(pid):
    """When the process started, in its system's own count; nothing where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state == "Z" else rest[18]


def shown(value):
    """As the function `out` makes a text of it."""
    if isinstance(value, list):
        return "\n".join(shown(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class Lane:
    def __init__(self, stdin, token, options):
        self.stdin, self.token, self.options = stdin, token, options
        self.named, self.model = read_dictionary(options)
        self.texts, self.steps, self.busy, self.until = {}, queue.Queue(), False, None
        self.temp = Path(options.get("temp", "/tmp"))
        self.folder, self.receipts = self.temp / f"opsc-{token}", self.temp / "receipts"
        self.receipt, self.fields, self.task = None, 0, None
        self.runtime = source("src/shell/powershell_runtime.ps1")
        # All that a step starts is of this group.
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)

    def write(self, stream, data):
        pipe = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
        pipe.write(data)
        pipe.flush()

    def both(self, text):
        for stream in ("stdout", "stderr"):
            self.write(stream, text.encode())

    def log(self, entry):
        if self.options.get("log"):
            with open(self.options["log"], "a") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def watch(self):
        """What comes while a step runs is its end."""
        while True:
            frame = read_frame(self.stdin)
            if frame is None:
                if self.busy:
                    self.end_all()
                self.steps.put(None)
                return
            self.busy = True
            self.steps.put(frame)

    def clock(self):
        while True:
            time.sleep(0.2)
            if self.until is not None and time.monotonic() > self.until:
                self.end_all()

    def end_all(self):
        if self.task:
            self.task.leave()
        os.killpg(0, signal.SIGKILL)

    def serve(self):
        for target in (self.watch, self.clock):
            threading.Thread(target=target, daemon=True).start()
        user = self.options.get("user", "ann").replace(" ", "_")
        self.both(f"{MARK}{self.token} hello 1 Windows powershell-5.1 {user}\n")
        while (text := self.steps.get()) is not None:
            self.step(json.loads(text))
        shutil.rmtree(self.folder, ignore_errors=True)

    def step(self, frame):
        code = self.do(frame)
        self.until, self.busy = None, False
        self.both(f"{MARK}{frame['end']} end {frame['seq']} {code}\n")

    def do(self, frame):
        self.until = time.monotonic() + 5 + frame["deadline"]
        for name, text in frame["bodies"].items():
            assert hashlib.sha256(text.encode()).hexdigest() == name, "a body of another name"
            assert name not in self.texts, "a body came twice"
            self.texts[name] = text
        step = Step(frame, self.texts)
        self.log({"body": step.hash, "variables": step.variables, "env": step.env, "cwd": step.cwd,
                  "receipt": "receipt" in frame, "as": os.environ.get("OPSC_TASK_USER")})
        if frame.get("lane"):
            return self.as_other(frame, step)
        return self.run(frame, step)

    def as_other(self, frame, step):
        assert step.text == source("src/shell/powershell_task.ps1"), step.text
        for each in ("folder", "leave"):
            assert step.functions[f"task_{each}"] == source(f"src/shell/powershell_task_{each}.ps1")
        if step.variables["user"] in self.options.get("strangers", []):
            return self.tell(frame["fields"], {"stderr": f"there is no account {step.variables['user']}\n", "code": 1}, step)
        self.task = tasks.Task(self, step.variables)
        code = self.task.run()
        self.task.leave()
        self.task = None
        if code is None:
            os._exit(1)
        return code

    def run(self, frame, step):
        """As the runtime: the folder to start in, then the receipt, then the body."""
        if step.cwd is not None and not os.path.isdir(step.cwd):
            return self.tell(frame["fields"], {"stderr": f"Cannot find path '{step.cwd}'\n", "code": 1}, step)
        self.receipt, self.fields = None, 0
        if "receipt" in frame:
            folder = self.receipts / frame["receipt"]
            if folder.exists():
                return self.tell(frame["fields"], {"stderr": f"{folder} already exists\n", "code": 125}, step)
            folder.mkdir(mode=0o700)
            (folder / "process").write_text(f"{os.getpid()} {started(os.getpid())}")
            self.receipt = folder
        code = self.tell(frame["fields"], self.answer(step), step)
        if self.receipt:
            (self.receipt / "code.new").write_text(str(code))
            (self.receipt / "code.new").rename(self.receipt / "code")
        return code

    def answer(self, step):
        for name in (step.hash, hashlib.sha256(step.text.strip().encode()).hexdigest()):
            if name in self.named:
                return self.next_of(self.named[name])
        if step.text == source("src/shell/powershell_stage.ps1"):
            return self.stage(step.variables)
        if step.text == source("src/shell/powershell_staged.ps1"):
            return self.staged(step.variables)
        for name in ("prepare", "ask", "follow", "end", "told"):
            if step.text == source(f"src/shell/powershell_receipt_{name}.ps1"):
                for each in ("folder", "boot", "runs"):
                    assert step.functions[f"receipt_{each}"] == source(f"src/shell/powershell_receipt_{each}.ps1")
                return getattr(self, f"receipt_{name}")(step.variables)
        if step.text == source("src/shell/powershell_holder_claim.ps1"):
            return self.holder_claim(step.variables)
        if self.model is not None:
            return self.model.body(step)
        if step.text == source("src/run/facts_windows.ps1"):
            return {"out": FACTS}
        if step.text == source("src/app/doctor_powershell.ps1"):
            return {"out": {"version": "5.1.20348.2113", "system": "SIMULATED"}}
        if not step.text.strip():
            return {}
        return {"stderr": f"SIMULATED: nobody says what this body does: {step.text}\n", "code": 1}

    def next_of(self, answers):
        """Of several, each is given once and the last for ever."""
        if not isinstance(answers, list):
            return answers
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def boot(self):
        """Another one for each test that writes it."""
        file = self.temp / "boot"
        return file.read_text() if file.exists() else "638712000000000000"

    def receipt_prepare(self, given):
        self.receipts.mkdir(mode=0o700, exist_ok=True)
        (self.receipts / ".kept").touch()
        return {"out": {"boot": self.boot()}}

    def receipt_runs(self, receipt):
        file = receipt / "process"
        if not file.exists():
            return False
        pid, start = file.read_text().split(" ")
        return started(pid) == start

    def receipt_state(self, receipt):
        for _ in range(10):
            if (receipt / "told").exists():
                return "told"
            if (receipt / "code").exists():
                return "finished"
            if not (self.receipts / ".kept").exists():
                return "lost"
            if not receipt.exists():
                return "absent"
            if self.receipt_runs(receipt):
                return "running"
            time.sleep(0.1)
        return "lost"

    def receipt_ask(self, given):
        return {"out": {"state": self.receipt_state(self.receipts / given["id"]), "boot": self.boot()}}

    def receipt_follow(self, given):
        receipt, gone = self.receipts / given["id"], False
        while not (receipt / "code").exists():
            if gone:
                return {"out": {"__ended": "True"}, "code": 137}
            gone = not self.receipt_runs(receipt)
            time.sleep(0.2)
        fields, number = [], 1
        while (file := receipt / f"f.{number}").exists():
            fields.append(file.read_text().split("\n", 1))
            number += 1
        return {"out": dict(fields), "code": int((receipt / "code").read_text())}

    def receipt_end(self, given):
        receipt = self.receipts / given["id"]
        if (receipt / "code").exists() or not self.receipt_runs(receipt):
            return {}
        pid = int((receipt / "process").read_text().split(" ")[0])
        # All that a step starts is of this group.
        os.killpg(pid, signal.SIGKILL)
        until = time.monotonic() + 2
        while self.receipt_runs(receipt) and time.monotonic() < until:
            time.sleep(0.05)
        return {"out": {"alive": True}} if self.receipt_runs(receipt) else {}

    def receipt_told(self, given):
        for name in given["receipts"]:
            receipt = self.receipts / name
            if (receipt / "code").exists():
                (receipt / "told").touch()
                for file in receipt.iterdir():
                    if file.name not in ("code", "told"):
                        file.unlink()
        return {}

    def holder_claim(self, given):
        """Who writes first and looks then is seen by one of two at least."""
        folder, own = self.temp / "holders", str(os.getpid())
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / f"{own}.held").unlink(missing_ok=True)
        for attempt in range(21):
            claim = [self.boot(), started(os.getpid()), given["journal"], given["words"]]
            (folder / f"{own}.new").write_text("\n".join(claim) + "\n")
            (folder / f"{own}.new").rename(folder / own)
            other = self.other_holder(folder, own, given["journal"])
            if other is None:
                (folder / f"{own}.held").touch()
                return {}
            (folder / own).unlink()
            if (folder / f"{other[0]}.held").exists():
                break
            time.sleep(random.uniform(0.01, 0.09))
        return {"out": {"holder": other[1], "process": other[0]}}

    def other_holder(self, folder, own, journal):
        for file in folder.iterdir():
            if not file.name.isdigit() or file.name == own:
                continue
            try:
                said = file.read_text().splitlines()
            except FileNotFoundError:
                continue
            if len(said) < 4:
                continue
            if started(int(file.name)) != said[1]:
                file.unlink(missing_ok=True)
                (folder / f"{file.name}.held").unlink(missing_ok=True)
            elif said[2] != journal:
                return file.name, said[3]
        return None

    def stage(self, given):
        assert given["token"] == self.token
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with open(self.folder / (given["name"] + ".part"), "ab") as file:
            file.truncate(given["at"])
            file.seek(given["at"])
            file.write(base64.b64decode(given["piece"], validate=True))
        return {}

    def staged(self, given):
        part = self.folder / (given["name"] + ".part")
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != given["name"]:
            part.unlink()
            return {"out": {"sha256": found}}
        path = self.folder / given["name"]
        part.rename(path)
        return {"out": {"sha256": found, "path": str(path)}}

    def tell(self, fields, answer, step):
        """`out`, `stdout`, `stderr`, `code`: what is reported, printed, and how it ends; the value `PROCESS` is
        the number of this process, as one that differs after a restart, `{"fill": n}` is so many
        letters, `BOOT` is when the host was started. `fields` reports so many, `restarts` moves that time by so many ticks. `print` is the variable that is
        printed and reported, `bytes` is base64 for stdout, `fill` and `fill_stderr` so many bytes, `seconds` how long it takes,
        `until` the file in `temp` that it waits for, `child` starts `sleep` with this argument and tells its number as
        `pid`, and it `holds` the output, `forge` prints ends of steps with the word for fields, `dies` with this code,
        `script` runs a script of the step by /bin/sh."""
        for stream in ("stdout", "stderr"):
            if answer.get(stream):
                self.write(stream, answer[stream].encode())
        if "bytes" in answer:
            self.write("stdout", base64.b64decode(answer["bytes"]))
        if "fill" in answer:
            self.write("stdout", b"x" * answer["fill"])
        if "fill_stderr" in answer:
            self.write("stderr", b"x" * answer["fill_stderr"])
        if "forge" in answer:
            self.both("".join(f"{MARK}{fields} end {number} 0\n" for number in range(3000)))
        out = dict(answer.get("out", {}))
        if "print" in answer:
            value = step.variables[answer["print"]]
            out.update({"value": value, "kind": type(value).__name__})
            self.write("stdout", shown(value).encode())
        if "child" in answer:
            holds = answer.get("seconds") or answer.get("holds")
            streams = ("stdin",) if holds else ("stdin", "stdout", "stderr")
            quiet = dict.fromkeys(streams, subprocess.DEVNULL)
            out["pid"] = subprocess.Popen(["sleep", answer["child"]], **quiet).pid
        out.update({f"key{number}": number for number in range(answer.get("fields", 0))})
        for name, value in out.items():
            value = os.getpid() if value == "PROCESS" else value
            value = self.boot() if value == "BOOT" else value
            value = "x" * value["fill"] if isinstance(value, dict) else value
            if value is not None:
                text = shown(value).encode()
                if self.receipt:
                    self.fields += 1
                    (self.receipt / f"f.{self.fields}").write_bytes(name.encode() + b"\n" + text)
                self.write("stdout", f"{MARK}{fields} out {name} {len(text)}\n".encode() + text + b"\n")
        if "restarts" in answer:
            (self.temp / "boot").write_text(str(int(self.boot()) + answer["restarts"]))
        if answer.get("endless"):
            while True:
                self.write("stdout", b"y\n" * 1000)
        time.sleep(answer.get("seconds", 0))
        while "until" in answer and not (self.temp / answer["until"]).exists():
            time.sleep(0.02)
        if "dies" in answer:
            os._exit(answer["dies"])
        if "script" in answer:
            return self.script(step, answer["script"])
        return answer.get("code", 0)

    def script(self, step, name):
        text = step.scripts[name]
        if text is None:
            return 0
        variables = {key: shown(value) for key, value in step.variables.items() if value is not None}
        done = subprocess.run(
            ["/bin/sh", "-c", text],
            input=(step.stdin or "").encode(),
            env=os.environ | variables | step.env,
            cwd=step.cwd,
            check=False,
        )
        return done.returncode


FACTS = {
    "os": "windows",
    "hostname": "WIN1",
    "kernel": "10.0.20348.2113",
    "arch": "x86_64",
    "distribution": "windows-server",
    "version": "10.0.20348",
    "os_family": "windows",
    "cpus": 4,
    "memory": 8589934592,
    "boot": "20260101T000000",
    "init": "",
    "package_manager": "",
    "firewall": "windows",
}


def read_exactly(pipe, length):
    data = b""
    while len(data) < length:
        piece = os.read(pipe, length - len(data))
        if not piece:
            return None
        data += piece
    return data


def read_frame(pipe):
    head = read_exactly(pipe, 4)
    if head is None:
        return None
    data = read_exactly(pipe, int.from_bytes(head, "little"))
    return None if data is None else data.decode()


def main():
    expected = ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-EncodedCommand"]
    if sys.argv[1:6] != expected or len(sys.argv) != 7:
        fail(f"started with {sys.argv[1:]}")
    if base64.b64decode(sys.argv[6]).decode("utf-16-le") != source("src/shell/powershell_bootstrap.ps1"):
        fail("this is another bootstrap")
    if read_frame(0) != source("src/shell/powershell_runtime.ps1"):
        fail("this is another runtime")
    begin = json.loads(read_frame(0))
    options = read_options()
    if "noise" in options:
        sys.stdout.write(options["noise"])
        sys.stderr.write("#< CLIXML\r\n<Objs></Objs>")
    lane = Lane(0, begin.get("token"), options)
    if begin.get("task"):
        tasks.serve(lane, read_frame, lane.end_all)
    else:
        lane.serve()


if __name__ == "__main__":
    main()
