#!/bin/sh
# Makes the files beside it again, with other salts, by the real ansible-vault (they were made by that of ansible-core
# 2.19.14, from PyPI). `inline.yml` is put together of what `encrypt_string` prints.
set -eu
cd "$(dirname "$0")"
printf 'Kanarie one\n' >password
printf '  Kanarie two \n' >password-prod
printf 'wrong Kanarie\n' >password-wrong
chmod 600 password password-prod password-wrong
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/vars.yml" <<'TEXT'
---
db_password: "p4ss: #Kanarie"
app:
  token: ünï-Kanarie
  "user name": Kanarie me
  port: 5432
  pins: [Kanarie1, "1234"]
  key: |
    -----BEGIN Kanarie-----
    abc
    -----END Kanarie-----
  empty: ""
  templated: "{{ db_password }}"
TEXT
printf 'Kanarie\nof 16 bytes...' >"$work/text"
ansible-vault encrypt --vault-id @password --output whole-1.1.yml "$work/vars.yml"
ansible-vault encrypt --vault-id prod@password-prod --output whole-1.2.yml "$work/vars.yml"
ansible-vault encrypt --vault-id @password --output text.vault "$work/text"
string() { ansible-vault encrypt_string --vault-id "$1" --name "$2" "$3"; }
{
    printf -- '---\n# a comment\nplain: to read\n'
    string @password one 'Kanarie of 1.1'
    printf 'below:\n  more: 7\n'
    string prod@password-prod two "$(printf 'Kanarie of 1.2\nin two lines')" | sed 's/^/  /'
} >inline.yml
