#!/usr/bin/env python3
"""Unmodified clients of others against the listener of these tests: what they see is what a Windows host would show them.

Arguments: the client (pywinrm or pypsrp), the port, the file of authorities or `none` for sealed HTTP, user, password, and
where a certificate logs in, its file.
"""

import os
import sys

CLIENT, PORT, AUTHORITIES, USER, PASSWORD, CERTIFICATE = (sys.argv[1:] + [None])[:6]
# Whoever asks a realm calls the host by its name.
HOST = os.environ.get("JUDGED_NAME")
TLS = AUTHORITIES != "none"
TEXT = "input \u00e9\n"
LARGE = 1 << 20


def pywinrm():
    from winrm.protocol import Protocol

    scheme = "https" if TLS else "http"
    protocol = Protocol(
        endpoint=f"{scheme}://127.0.0.1:{PORT}/wsman",
        transport="certificate" if CERTIFICATE else "ntlm",
        cert_pem=CERTIFICATE,
        cert_key_pem=CERTIFICATE,
        username=USER,
        password=PASSWORD,
        ca_trust_path=AUTHORITIES if TLS else "legacy_requests",
        message_encryption="auto",
    )
    shell = protocol.open_shell()

    def run(line, stdin=None):
        command = protocol.run_command(shell, line)
        if stdin is not None:
            protocol.send_command_input(shell, command, stdin.encode(), end=True)
        stdout, stderr, code = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        return stdout, stderr, code

    yield run
    protocol.close_shell(shell)


def pypsrp():
    from pypsrp.shell import Process, SignalCode, WinRS
    from pypsrp.wsman import WSMan

    wsman = WSMan(
        "127.0.0.1",
        port=int(PORT),
        ssl=TLS,
        auth="certificate" if CERTIFICATE else "kerberos" if HOST else "negotiate",
        negotiate_hostname_override=HOST,
        negotiate_service="HTTP" if HOST else "WSMAN",
        certificate_pem=CERTIFICATE,
        certificate_key_pem=CERTIFICATE,
        username=USER,
        password=PASSWORD,
        cert_validation=AUTHORITIES if TLS else True,
        negotiate_delegate=False,
        operation_timeout=2,
    )
    with wsman, WinRS(wsman) as shell:

        def run(line, stdin=None):
            process = Process(shell, line)
            process.begin_invoke()
            if stdin is not None:
                process.send(stdin.encode(), end=True)
            process.end_invoke()
            process.signal(SignalCode.CTRL_C)
            return process.stdout, process.stderr, process.rc

        yield run


def judge(run):
    assert run("echo out; echo err >&2; exit 3") == (b"out\n", b"err\n", 3)
    stdout, _, code = run("cat", TEXT)
    assert (stdout, code) == (TEXT.encode(), 0), stdout
    stdout, _, code = run(f"head -c {LARGE} /dev/zero | tr '\\0' x")
    assert (len(stdout), code) == (LARGE, 0), len(stdout)
    assert run("sleep 3; echo late")[0] == b"late\n"


CLIENTS = {"pywinrm": pywinrm, "pypsrp": pypsrp}
for tried in CLIENTS[CLIENT]():
    judge(tried)
print("fine")
