#!/bin/sh
# Writes expected/NAME.json for every inventory here: what the real `ansible-inventory --list` says of it. The files in
# the project were made with ansible-core 2.19.14 from PyPI:  python3 -m venv V && V/bin/pip install ansible-core==2.19.14
#   ANSIBLE_INVENTORY=V/bin/ansible-inventory sh tests/inventories/expect.sh
# Run where no group_vars lie: Ansible would read those of the current folder too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
empty=$(mktemp -d)
cd "$empty"
mkdir -p "$here/expected"
list() {
  name=$1
  shift
  ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_INVENTORY_UNPARSED_FAILED=1 HOME=$empty \
    "${ANSIBLE_INVENTORY:-ansible-inventory}" "$@" --list >"$here/expected/$name.json"
}
for file in "$here"/*.ini "$here"/*.yml "$here"/*.json "$here"/*.toml "$here"/unsaid_*; do
  list "$(basename "$file")" -i "$file"
done
list folder -i "$here/folder"
list sources -i "$here/sources/a/hosts.ini" -i "$here/sources/b/hosts.yml"
rm -r "$empty"
