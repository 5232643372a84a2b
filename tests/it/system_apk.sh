# Runs as root on a host of the rig: an apk that answers as the real one's source says, and no apt that facts could see.
set -eu
mv /usr/bin/apt-get /usr/bin/apt-get.away
mkdir -p /srv/apk /etc/apk /var/cache/apk
# Name, version, what it needs.
printf 'base 1.0-r0\nhello-lib 1.0-r0\nhello 1.0-r0 hello-lib\nhello 2.0-r0 hello-lib\n' > /srv/apk/available
echo 'base 1.0-r0' > /srv/apk/installed
echo base > /etc/apk/world
touch /var/cache/apk/APKINDEX.tests.tar.gz
cat > /usr/sbin/apk <<'EOF'
#!/bin/sh
cd /srv/apk
quiet=false verbose=false simulate=false recursive=false exists=false required=false
words=
while [ $# -gt 0 ]; do
  case "$1" in
    -q) quiet=true ;;
    -v) verbose=true ;;
    -e) exists=true ;;
    -r) recursive=true required=true ;;
    -l | --wait) shift ;;
    --simulate) simulate=true ;;
    --) ;;
    -*)
      echo "apk: unrecognized option '$1'" >&2
      exit 1
    ;;
    *) words="$words $1" ;;
  esac
  shift
done
set -- $words
order="$1"
shift
newest() { grep "^$1 " available | tail -n 1 | cut -d ' ' -f 2; }
has() { grep "^$1 " installed | cut -d ' ' -f 2; }
needed_by() { while read -r name _; do if grep -q "^$name .* $1\$" available; then echo "$name"; fi; done < installed | sort -u; }
put() {
  for need in $(grep "^$1 $2" available | cut -d ' ' -f 3); do [ -n "$(has "$need")" ] || put "$need" "$(newest "$need")"; done
  sed -i "/^$1 /d" installed
  echo "$1 $2" >> installed
}
case "$order" in
  info)
    if [ $# = 0 ]; then cut -d ' ' -f 1 installed
    elif [ $required = true ]; then
      for each in "$@"; do
        for other in $(needed_by "$each"); do echo "$other-$(has "$other")"; done
        echo
      done
    elif [ $exists = true ]; then
      now="$(has "$1")"
      [ -n "$now" ] || exit 1
      if [ $quiet = true ]; then exit 0; fi
      if [ $verbose = true ]; then echo "$1-$now"; else echo "$1"; fi
    fi
  ;;
  add)
    for each in "$@"; do
      name="${each%%=*}"
      if [ "$name" = "$each" ]; then version="$(newest "$name")"; else version="${each#*=}"; fi
      if ! grep -q "^$name $version" available || [ -z "$version" ]; then
        printf 'ERROR: unable to select packages:\n  %s (no such package):\n    required by: world[%s]\n' "$name" "$each"
        exit 1
      fi
      if [ $simulate = true ]; then continue; fi
      put "$name" "$version"
      grep -qx "$each" /etc/apk/world || echo "$each" >> /etc/apk/world
    done
    sort -o installed installed
  ;;
  del)
    if [ $recursive = true ]; then for each in "$@"; do set -- "$@" $(needed_by "$each"); done; fi
    for each in "$@"; do
      sed -i "/^$each\$/d; /^$each=/d" /etc/apk/world
      sed -i "/^$each /d" installed
    done
    # What nobody asked for and nobody needs goes along.
    for each in $(cut -d ' ' -f 1 installed); do
      if ! grep -q "^$each\(=.*\)\{0,1\}\$" /etc/apk/world && [ -z "$(needed_by "$each")" ]; then sed -i "/^$each /d" installed; fi
    done
  ;;
  upgrade)
    # What is asked for in one version stays.
    for each in "$@"; do grep -q "^$each=" /etc/apk/world || put "$each" "$(newest "$each")"; done
    sort -o installed installed
  ;;
  version) while read -r name version; do if [ "$(newest "$name")" != "$version" ]; then echo "$name"; fi; done < installed ;;
  policy)
    grep -q "^$1 " available || exit 0
    echo "$1 policy:"
    for version in $(grep "^$1 " available | cut -d ' ' -f 2 | sort -r); do
      echo "  $version:"
      if [ "$(has "$1")" = "$version" ]; then echo "    lib/apk/db/installed"; fi
      echo "    https://example.org/main"
    done
  ;;
  update) if [ -e gone ]; then echo "ERROR: https://example.org/main: could not connect"; exit 1; fi ;;
  *) exit 1 ;;
esac
EOF
chmod 755 /usr/sbin/apk
