"""SIMULATED: what the Task Scheduler of Windows is asked for steps of other users. Here such a step is a process of its own
that is no child of its lane's group; its folder, its files and their order are those of src/shell/powershell_task.ps1."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

MARK = "\x1e"


class Task:
    """The lane's side of one."""

    def __init__(self, lane, given):
        self.lane, self.user, self.seconds = lane, given["user"], given["deadline"]
        assert re.fullmatch("[0-9a-f]{32}", given["token"]), given["token"]
        self.token, self.folder = given["token"], lane.temp / "tasks" / given["token"]
        self.folder.mkdir(parents=True, mode=0o700)
        self.alive = open(self.folder / "lane", "w")
        fcntl.flock(self.alive, fcntl.LOCK_EX)
        with open(self.folder / "input", "wb") as file:
            for text in (lane.runtime, '{"task":true}', given["step"]):
                file.write(len(text.encode()).to_bytes(4, "little") + text.encode())
        self.process = None

    def run(self):
        """The code; nothing where it ended without one."""
        with open(self.folder / "input") as given, open(self.folder / "stdout", "wb") as out:
            with open(self.folder / "stderr", "wb") as err:
                self.process = subprocess.Popen(
                    [sys.executable, *sys.argv], stdin=given, stdout=out, stderr=err, cwd=self.folder,
                    env=os.environ | {"OPSC_TASK_USER": self.user}, start_new_session=True,
                )
        ways = [Way(self, "stdout"), Way(self, "stderr")]
        runs, more = True, True
        while runs or more:
            runs = self.process.poll() is None
            more = any([way.forward() for way in ways])
            time.sleep(0 if more else 0.02)
        assert ways[0].begun, ways[0].before + ways[1].before
        code = self.folder / "code"
        return int(code.read_text()) if code.exists() else None

    def leave(self):
        """Twice does no harm."""
        self.alive.close()
        if self.process:
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


class Way:
    """A stream on its way from a file that grows."""

    def __init__(self, task, stream):
        self.lane, self.stream, self.file = task.lane, stream, open(task.folder / stream, "rb")
        self.mark, self.before, self.begun = f"{MARK}{task.token} begin\n".encode(), b"", False

    def forward(self):
        data = self.file.read(65536)
        if data and not self.begun:
            self.before += data
            _, self.begun, data = self.before.partition(self.mark)
        if data:
            self.lane.write(self.stream, data)
        return bool(data)


def serve(lane, read_frame, end_all):
    """The step's side, in a process of its own."""
    folder = Path.cwd()
    frame = json.loads(read_frame(0))
    assert "end" not in frame and "user" not in frame, frame

    def watch():
        with open(folder / "lane") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    end_all()
                except BlockingIOError:
                    time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    lane.both(f"{MARK}{folder.name} begin\n")
    code = lane.do(frame)
    (folder / "code.new").write_text(str(code))
    (folder / "code.new").rename(folder / "code")
