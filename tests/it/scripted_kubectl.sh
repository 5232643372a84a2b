#!/bin/sh
# Answers as kubectl is documented to, from files below /srv/cluster, one for each object: KIND.NAMESPACE.NAME holds the line
# that was applied. A manifest is such lines here: kind, namespace, name, text. Every call is noted in /var/log/calls.
set -eu
state=/srv/cluster
mkdir -p "$state"
echo "$*" >> /var/log/calls
if [ -e /srv/unreachable ]; then
  echo "The connection to the server localhost:8080 was refused" >&2
  exit 1
fi
file= output= replicas= space=default words= filtered=false
while [ "$#" -gt 0 ]; do
  case "$1" in
    --filename) file="$2"; shift ;;
    --output) output="$2"; shift ;;
    --replicas) replicas="$2"; shift ;;
    --namespace) space="$2"; shift ;;
    --context | --kubeconfig | --timeout) shift ;;
    --ignore-not-found) filtered=true ;;
    --no-headers | --wait) ;;
    -*) echo "unknown flag: $1" >&2; exit 1 ;;
    *) words="$words $1" ;;
  esac
  shift
done
set -- $words
objects() { while read -r kind where name text; do "$1" "$kind" "$where" "$name" "$text"; done < "$file"; }
store() {
  if [ "$4" = broken ]; then echo "error: $3 is invalid" >&2; exit 1; fi
  echo "$1 $2 $3 $4" > "$state/$1.$2.$3"
}
differs() { [ "$(cat "$state/$1.$2.$3" 2>/dev/null)" = "$1 $2 $3 $4" ] || echo "$3"; }
show() {
  [ -e "$state/$1.$2.$3" ] || return 0
  case "$output" in
    yaml) if [ ! -e "$state/foreign" ]; then echo 'kubectl.kubernetes.io/last-applied-configuration: x'; fi ;;
    *) printf '%s   %s   %s\n' "$1" "$2" "$3" ;;
  esac
}
# What belongs to no namespace is found in any.
place() { if [ -e "$state/$1.<none>.$2" ]; then echo "$state/$1.<none>.$2"; else echo "$state/$1.$space.$2"; fi; }
case "$1 ${2:-}" in
  'diff '*) [ -z "$(objects differs)" ] || exit 1 ;;
  'apply view-last-applied') cat "$(place "$3" "$4")" ;;
  'apply '*) grep -v '^---$' "$file" > /tmp/applied; file=/tmp/applied; objects store ;;
  'get '*)
    if [ -n "$file" ]; then objects show; exit 0; fi
    at="$state/$2.$space.$3"
    if [ ! -e "$at" ]; then
      if [ "$filtered" = true ]; then exit 0; fi
      echo "Error from server (NotFound): $2 \"$3\" not found" >&2
      exit 1
    fi
    case "$output" in
      name) echo "$2/$3" ;;
      json) printf '{"kind":"%s","text":"%s"}\n' "$2" "$(cut -d ' ' -f 4- "$at")" ;;
      jsonpath=*) cut -d ' ' -f 4 "$at" ;;
    esac
    ;;
  'delete '*) rm "$(place "$2" "$3")" ;;
  'scale '*) echo "$2 $space $3 $replicas" > "$state/$2.$space.$3" ;;
  'rollout '*) if [ -e "/srv/stuck" ]; then echo "error: timed out waiting for the condition" >&2; exit 1; fi; echo "$3 \"$4\" successfully rolled out" ;;
  *) echo "unknown command $*" >&2; exit 1 ;;
esac
