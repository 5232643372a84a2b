# Runs as root inside a fresh Debian tree and makes it the image of all hosts: nobody's keys, quiet timers, three kinds
# of users, and a repository of packages of its own, so that no test needs a network.
set -eu
export LC_ALL=C

# Every host gets its own identity.
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id /etc/resolv.conf
# What starts by itself would change files between two looks, or hold apt's lock.
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim systemd-tmpfiles-clean; do
  ln -sf /dev/null "/etc/systemd/system/$timer.timer"
done

# ops may become root, asked needs a password for it, guest may not.
for user in ops asked guest; do
  useradd --create-home --shell /bin/bash "$user"
done
echo 'asked:pass word' | chpasswd
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
echo 'asked ALL=(ALL) ALL' > /etc/sudoers.d/asked
chmod 0440 /etc/sudoers.d/ops /etc/sudoers.d/asked

# package NAME VERSION DEPENDS: files, a configuration file, and the scripts that lie in build/DEBIAN.
repository=/srv/repository
mkdir -p "$repository"
cd "$repository"
package() {
  mkdir -p build/DEBIAN "build/usr/share/$1" build/etc
  echo "$2" > "build/usr/share/$1/version"
  echo "version $2" > "build/etc/$1.conf"
  echo "/etc/$1.conf" > build/DEBIAN/conffiles
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n' "$1" "$2"
    if [ -n "$3" ]; then printf 'Depends: %s\n' "$3"; fi
    printf 'Description: made for tests\n'
  } > build/DEBIAN/control
  dpkg-deb --root-owner-group -Znone --build build "$1_$2_all.deb" >/dev/null
  rm -r build
}
index() {
  for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\n' "$deb" "$(stat -c %s "$deb")"
    printf 'SHA256: %s\n\n' "$(sha256sum "$deb" | cut -c 1-64)"
  done > Packages
}
package hello-lib 1.0 ''
package hello 1.0 hello-lib
package hello 2.0 hello-lib
mkdir -p build/DEBIAN
printf '#!/bin/sh\necho "the database is not reachable" >&2\nexit 3\n' > build/DEBIAN/postinst
chmod 0755 build/DEBIAN/postinst
package broken 1.0 hello-lib
index

rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
echo "deb [trusted=yes] file:$repository ./" > /etc/apt/sources.list
apt-get update -q
# dpkg orders what debootstrap wrote, and apt begins its own list, so that a test sees only what it does itself.
apt-get install -q -y hello
apt-get purge -q -y hello hello-lib
