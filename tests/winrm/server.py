#!/usr/bin/env python3
"""A WinRM listener: NTLM and Kerberos by pyspnego, or NTLM by sspi, a state machine of shells, and commands in a real /bin/sh;
what starts with powershell.exe is SIMULATED by powershell.py, with the file that `powershell` names.

One JSON object on the command line says what it is like; its port is the first line of stdout, what it was asked follows,
a line each. Ends with its stdin. `fault` names the one thing that it does wrong.
"""

import base64
import hashlib
import json
import os
import re
import signal
import ssl
import struct
import subprocess
import sys
import threading
import time
import uuid
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

import spnego
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from spnego.channel_bindings import GssChannelBindings

OPTIONS = json.loads(sys.argv[1])
FAULT = OPTIONS.get("fault")
PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
BOUNDARY = b"--Encrypted Boundary"
BY_CERTIFICATE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
RSP = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CODES = {"TimedOut": 2150858793, "InvalidSelectors": 2150858843, "AccessDenied": 5, "InvalidParameter": 87}
VARIABLES = {"PATH": "filled in"}
DONE = threading.Lock()
TOLD = set()
# So many logins are answered together, once all of them are there.
TOGETHER = threading.Barrier(OPTIONS.get("together", 1))
COMING = iter(range(OPTIONS.get("together", 0)))
OPENED = []


def tell(word):
    with DONE:
        sys.stdout.write(word + "\n")
        sys.stdout.flush()


def once(fault):
    """Whether the fault is wanted and was not shown yet."""
    with DONE:
        first = FAULT == fault and fault not in TOLD
        TOLD.add(fault)
    return first


class Fault(Exception):
    def __init__(self, kind, code=None, message=""):
        super().__init__(kind)
        self.kind, self.code, self.message = kind, code or CODES[kind], message or kind


def cmd_words(line):
    """What a program gets of a line of cmd.exe: first variables are filled in, then the carets go, then the quotes, by the
    rules of the C library."""
    line = re.sub("%([^%]+)%", lambda found: VARIABLES.get(found[1], found[0]), line)
    plain, letters = "", iter(line)
    for letter in letters:
        plain += next(letters, "") if letter == "^" else letter
    words, word, quoted, slashes, begun = [], "", False, 0, False
    for letter in plain:
        if letter == "\\":
            slashes, begun = slashes + 1, True
            continue
        if letter == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            slashes, begun = 0, True
            continue
        word += "\\" * slashes
        slashes = 0
        if letter == " " and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + letter, True
    word += "\\" * slashes
    return words + [word] if begun else words


class Command:
    """A process, its output as it comes, and how it ended."""

    def __init__(self, line):
        words = cmd_words(line) if '^"' in line else ["/bin/sh", "-c", line]
        if line.startswith("powershell.exe "):
            words = [sys.executable, os.path.join(os.path.dirname(__file__), "powershell.py"), *line.split()[1:]]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"OPSC_POWERSHELL": OPTIONS.get("powershell", "")},
        )
        self.chunks, self.changed, self.open = [], threading.Condition(), 2
        for name in ("stdout", "stderr"):
            threading.Thread(target=self.read, args=(name,), daemon=True).start()

    def read(self, name):
        pipe = getattr(self.process, name)
        while chunk := os.read(pipe.fileno(), 32768):
            with self.changed:
                self.chunks.append((name, chunk))
                self.changed.notify()
        with self.changed:
            self.open -= 1
            self.changed.notify()

    def take(self, seconds, most):
        """Some output, and the exit code once there is no more."""
        until = time.monotonic() + seconds
        with self.changed:
            while not self.chunks and self.open:
                if not self.changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    raise Fault("TimedOut")
            taken = []
            while self.chunks and most > 0:
                name, chunk = self.chunks.pop(0)
                if len(chunk) > most:
                    self.chunks.insert(0, (name, chunk[most:]))
                taken.append((name, chunk[:most]))
                most -= len(taken[-1][1])
            over = not self.chunks and not self.open
        return taken, self.process.wait() if over else None

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Shells:
    def __init__(self):
        self.shells, self.sessions, self.lock = {}, {}, threading.Lock()

    def session(self, header):
        return next((e.text for e in header.iter() if e.tag.endswith("}SessionId")), None)

    def answer(self, action, header, body):
        operation = action.rsplit("/", 1)[-1]
        tell(operation)
        with self.lock:
            if operation == "Create":
                return self.create(self.session(header))
            shell = next((e.text for e in header.iter() if e.get("Name") == "ShellId"), None)
            if shell not in self.shells:
                raise Fault("InvalidSelectors")
            if operation == "Delete":
                self.sessions.pop(shell)
                for command in self.shells.pop(shell).values():
                    command.end()
                tell(f"shells {len(self.shells)}")
                return ""
            # One shell, one session, or none at all.
            if self.session(header) != self.sessions[shell] or (FAULT == "session" and operation == "Receive"):
                raise Fault("InvalidOptions", 2150859023, "The session identifier is not that of the shell.")
            commands = self.shells[shell]
            if operation == "Command":
                return self.command(commands, body)
            element = next(e for e in body.iter() if e.get("CommandId"))
            command = commands.get(element.get("CommandId"))
        if command is None:
            raise Fault("InvalidSelectors")
        return getattr(self, operation.lower())(command, commands, element, header)

    def create(self, session):
        if FAULT == "quota":
            raise Fault("QuotaLimit", 2150859173, "This user is allowed a maximum number of 30 concurrent shells.")
        if FAULT == "denied":
            raise Fault("AccessDenied")
        name = str(uuid.uuid4()).upper()
        self.shells[name], self.sessions[name] = {}, session
        return (
            f'<x:ResourceCreated><a:ReferenceParameters><w:SelectorSet><w:Selector Name="ShellId">{name}</w:Selector>'
            f"</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{name}</rsp:ShellId></rsp:Shell>"
        )

    def command(self, commands, body):
        if once("used_up"):
            raise Fault("QuotaLimit", 2150859174, "The maximum number of concurrent operations has been exceeded.")
        if once("shell_gone"):
            raise Fault("InvalidSelectors")
        line = next(e for e in body.iter() if e.tag.endswith("}Command")).text or ""
        words = [e.text or "" for e in body.iter() if e.tag.endswith("}Arguments")]
        name = str(uuid.uuid4()).upper()
        commands[name] = Command(" ".join([line] + words))
        return f"<rsp:CommandResponse><rsp:CommandId>{name}</rsp:CommandId></rsp:CommandResponse>"

    def send(self, command, commands, element, header):
        try:
            command.process.stdin.write(base64.b64decode(element.text or ""))
            command.process.stdin.flush()
            if (element.get("End") or "").lower() == "true":
                command.process.stdin.close()
        except (BrokenPipeError, ValueError):
            raise Fault("InvalidParameter", 232, "The pipe is being closed.")
        return "<rsp:SendResponse/>"

    def receive(self, command, commands, element, header):
        if FAULT == "shell_ends":
            raise Fault("InvalidSelectors")
        timeout = next(e.text for e in header.iter() if e.tag.endswith("}OperationTimeout"))
        seconds = float(timeout.removeprefix("PT").removesuffix("S"))
        taken, code = command.take(min(seconds, OPTIONS.get("poll", 60)), 1 if FAULT == "bytes" else 65536)
        name = element.get("CommandId")
        text = "".join(
            f'<rsp:Stream Name="{stream}" CommandId="{name}">{base64.b64encode(chunk).decode()}</rsp:Stream>'
            for stream, chunk in taken
        )
        if FAULT == "oversize":
            text += "<!-- " + "x" * 3_000_000 + " -->"
        if code is None:
            return f"<rsp:ReceiveResponse>{text}</rsp:ReceiveResponse>"
        code = code if code >= 0 else 128 - code
        exit_code = "" if FAULT == "no_code" else f"<rsp:ExitCode>{code}</rsp:ExitCode>"
        return (
            f'<rsp:ReceiveResponse>{text}<rsp:CommandState CommandId="{name}" State="{RSP}/CommandState/Done">'
            f"{exit_code}</rsp:CommandState></rsp:ReceiveResponse>"
        )

    def signal(self, command, commands, element, header):
        if once("ends_at_once"):
            command.end()
            commands.pop(element.get("CommandId"))
            return "<rsp:SignalResponse/>"
        code = next(e.text for e in element.iter() if e.tag.endswith("}Code"))
        command.end()
        if code.endswith("/terminate") and not command.open:
            commands.pop(element.get("CommandId"), None)
        return "<rsp:SignalResponse/>"


SHELLS = Shells()


def envelope(body, message):
    return (
        '<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" '
        'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" '
        f'xmlns:rsp="{RSP}" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>'
        f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID><a:RelatesTo>{message}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault_text(fault):
    return (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:{fault.kind}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{escape(fault.message)}</s:Text></s:Reason><s:Detail><f:WSManFault '
        f'xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{fault.code}" Machine="rig"><f:Message>'
        f"{escape(fault.message)}</f:Message></f:WSManFault></s:Detail></s:Fault>"
    )


def bindings():
    """Of the listener's certificate, or of another where a stranger has its own TLS."""
    path = OPTIONS.get("bound_to") or OPTIONS.get("certificate")
    if not path:
        return None
    with open(path, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    name = certificate.signature_hash_algorithm.name
    name = "sha256" if name in ("md5", "sha1") else name
    der = certificate.public_bytes(Encoding.DER)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + hashlib.new(name, der).digest())


class Refused(Exception):
    """The other acceptor lets nobody in."""


class OtherAcceptor:
    """NTLM by a process of others, as pyspnego has it."""

    negotiated_protocol = "ntlm"

    def __init__(self, binding):
        self.process = subprocess.Popen([OPTIONS["acceptor"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.complete = False
        self.say(OPTIONS["user"].encode(), OPTIONS["password"].encode(), binding)

    def say(self, *words):
        self.process.stdin.write(" ".join(word if isinstance(word, str) else word.hex() for word in words) + "\n")
        self.process.stdin.flush()

    def ask(self, *words):
        self.say(*words)
        kind, _, rest = self.process.stdout.readline().strip().partition(" ")
        if kind not in ("more", "done", "text", "sealed"):
            raise Refused(rest)
        self.complete = self.complete or kind == "done"
        return [bytes.fromhex(word) for word in rest.split(" ")]

    def step(self, token):
        return self.ask("step", token)[0]

    def unwrap_winrm(self, header, data):
        return self.ask("unwrap", header, data)[0]

    def wrap_winrm(self, data):
        header, sealed = self.ask("wrap", data)
        return header, sealed, 0

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def setup(self):
        super().setup()
        self.context = None

    def finish(self):
        super().finish()
        if isinstance(self.context, OtherAcceptor):
            self.context.end()

    def acceptor(self):
        if OPTIONS.get("acceptor"):
            binding = bindings()
            return OtherAcceptor(binding.application_data if binding else b"")
        names = (OPTIONS.get("name", "unspecified"), OPTIONS.get("service", "HTTP"))
        return spnego.server(*names, protocol="negotiate", channel_bindings=bindings())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/wsman":
            return self.say(404, b"")
        method, _, token = self.headers.get("Authorization", "").partition(" ")
        if method == "Negotiate" and "Negotiate" in OPTIONS["auth"]:
            return self.negotiate(base64.b64decode(token), body)
        if method == "Basic" and "Basic" in OPTIONS["auth"]:
            if base64.b64decode(token).decode() != f"{OPTIONS['user']}:{OPTIONS['password']}":
                return self.refuse()
            if not body:
                return self.say(200, b"")
            return self.operate(body)
        if method == BY_CERTIFICATE and "Certificate" in OPTIONS["auth"]:
            shown = self.connection.getpeercert() or {}
            names = [part for group in shown.get("subject", ()) for part in group]
            return self.operate(body) if ("commonName", OPTIONS["mapped"]) in names else self.refuse()
        if self.context is None or not self.context.complete:
            return self.refuse()
        return self.operate(body)

    def refuse(self):
        tell("refused")
        self.say(401, b"", [("WWW-Authenticate", offer) for offer in OPTIONS["auth"]])

    def negotiate(self, token, body):
        if self.context is None or self.context.complete:
            self.context = self.acceptor()
        try:
            answer = self.context.step(token)
        except Exception as error:
            tell(f"login failed {type(error).__name__}")
            self.context = None
            return self.refuse()
        tokens = [("WWW-Authenticate", "Negotiate " + base64.b64encode(answer).decode())] if answer else []
        if FAULT == "not_mutual":
            tokens = []
        if FAULT == "other_proof" and answer:
            at = len(answer) - 20
            changed = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
            tokens = [("WWW-Authenticate", "Negotiate " + base64.b64encode(changed).decode())]
        if not self.context.complete:
            if FAULT == "drip":
                return self.drip(tokens)
            return self.say(401, b"", tokens)
        tell("login" if self.context.negotiated_protocol == "ntlm" else "login by Kerberos")
        with DONE:
            waits = next(COMING, None) is not None
        if waits:
            TOGETHER.wait(600)
        if body:
            return self.operate(body, tokens)
        return self.say(200, b"", tokens)

    def operate(self, body, headers=()):
        if FAULT == "lost_after_login":
            return self.hang_up()
        if FAULT == "forgotten":
            return self.refuse()
        is_sealed = self.headers.get("Content-Type", "").startswith("multipart/encrypted")
        if not is_sealed and not OPTIONS.get("certificate"):
            return self.say(500, b"")
        if is_sealed:
            body = self.open(body)
        root = ET.fromstring(body)
        header, content = root[0], root[1]
        action = next(e.text for e in header if e.tag.endswith("}Action"))
        message = next(e.text for e in header if e.tag.endswith("}MessageID"))
        if FAULT == "other_answer":
            message = f"uuid:{uuid.uuid4()}"
        if FAULT == "lost_in_receive" and action.endswith("/Receive"):
            return self.hang_up()
        # Once, when the file is there.
        if action.endswith("/Receive") and os.path.exists(OPTIONS.get("cut", "")):
            os.remove(OPTIONS["cut"])
            return self.hang_up()
        status = 200
        try:
            answer = envelope(SHELLS.answer(action, header, content), message)
        except Fault as fault:
            status, answer = 500, envelope(fault_text(fault), message)
        # Nobody says that the connection ends once the command is over.
        if FAULT in ("idle_drop", "swap") and action.endswith("/Signal") and once(FAULT):
            self.close_connection = True
        if not is_sealed or (FAULT == "unsealed" and action.endswith("/Receive")):
            return self.say(status, answer, headers, "application/soap+xml;charset=UTF-8")
        answer = self.seal(answer)
        if FAULT == "bad_seal" and action.endswith("/Receive"):
            at = len(answer) - len(BOUNDARY) - 5
            answer = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
        if FAULT == "drip_in_receive" and action.endswith("/Receive"):
            return self.drip(headers)
        self.say(status, answer, headers, f'multipart/encrypted;protocol="{PROTOCOL}";boundary="Encrypted Boundary"')

    def open(self, body):
        stream = body.split(b"\tContent-Type: application/octet-stream\r\n", 1)[1]
        stream = stream[: stream.rindex(BOUNDARY + b"--")]
        length = struct.unpack("<i", stream[:4])[0]
        return self.context.unwrap_winrm(stream[4 : 4 + length], stream[4 + length :])

    def seal(self, answer):
        header, data, _ = self.context.wrap_winrm(answer)
        head = (
            f"\r\n\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;"
            f"Length={len(answer)}\r\n"
        ).encode()
        stream = b"\r\n\tContent-Type: application/octet-stream\r\n" + struct.pack("<i", len(header)) + header + data
        return BOUNDARY + head + BOUNDARY + stream + BOUNDARY + b"--\r\n"

    def say(self, status, body, headers=(), content_type=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, headers):
        """An answer that never comes to its end."""
        self.send_response(401)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(2)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def get_request(self):
        connection, address = super().get_request()
        if OPTIONS.get("certificate"):
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            OPENED.append(address)
            swapped = FAULT == "swap" and len(OPENED) > 1
            kind = "swapped_" if swapped else ""
            tls.load_cert_chain(OPTIONS[kind + "certificate"], OPTIONS[kind + "key"])
            if OPTIONS.get("users_authority"):
                tls.load_verify_locations(OPTIONS["users_authority"])
                tls.verify_mode = ssl.CERT_REQUIRED if OPTIONS.get("demands") else ssl.CERT_OPTIONAL
            connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, address):
        error = sys.exc_info()[1]
        # A client that did not like the certificate, or went away.
        if not isinstance(error, OSError):
            super().handle_error(request, address)


def main():
    server = Server(("127.0.0.1", 0), Handler)
    tell(str(server.server_address[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    for shell in SHELLS.shells.values():
        for command in shell.values():
            command.end()


if __name__ == "__main__":
    main()
