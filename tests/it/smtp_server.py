"""A mail server for one session: says its port, then all that it heard. Arguments: certificate, key, `tls` or `starttls`."""

import socket
import ssl
import sys

certificate, key, manner = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
encrypted = manner == "tls"
if encrypted:
    connection = context.wrap_socket(connection, server_side=True)
lines = connection.makefile("r", newline="\n", encoding="utf-8")


def say(text):
    connection.sendall((text + "\r\n").encode())


say("220 test")
while line := lines.readline():
    line = line.rstrip("\r\n")
    print(("encrypted " if encrypted else "plain ") + line, flush=True)
    word = line.split(" ")[0].upper()
    if word == "EHLO":
        say("250-test")
        say("250 AUTH PLAIN" if encrypted else "250 STARTTLS")
    elif word == "STARTTLS":
        say("220 go on")
        connection = context.wrap_socket(connection, server_side=True)
        lines = connection.makefile("r", newline="\n", encoding="utf-8")
        encrypted = True
    elif word == "AUTH":
        say("334 " if line == "AUTH PLAIN" else "235 welcome")
    elif word == "DATA":
        say("354 go on")
        while (line := lines.readline().rstrip("\r\n")) != ".":
            print(line, flush=True)
        say("250 taken")
    elif word == "QUIT":
        say("221 bye")
        break
    else:
        say("250 well" if word in ("MAIL", "RCPT") else "235 welcome")
