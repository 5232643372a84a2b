# Runs as root in namespaces of its own: installs the packages named into the tree `$root`, from `$mirror`. Nothing of them
# starts here, and nothing of how they came stays: the hosts know the tests' own repository alone.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

mount -t proc proc "$root/proc"
mkdir -p "$root/tmp/sources"
echo "deb $mirror $suite main" > "$root/tmp/sources/list"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

apt() {
  chroot "$root" apt-get -q -y -o Dir::Etc::sourcelist=/tmp/sources/list -o Dir::State::lists=/tmp/sources/lists "$@"
}
mkdir -p "$root/tmp/sources/lists/partial"
apt update
apt install --no-install-recommends "$@"
apt clean
# Containers on hosts that are containers themselves: an overlay cannot lie on an overlay, and nspawn keeps keyrings, control
# groups and settings of the kernel for itself.
if [ -d "$root/etc/containers" ]; then
  cat > "$root/etc/containers/storage.conf" << 'END'
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
  cat > "$root/etc/containers/containers.conf" << 'END'
[containers]
cgroups = "disabled"
default_sysctls = []
keyring = false
netns = "none"
END
fi

umount "$root/proc"
rm -rf "$root/tmp/sources" "$root/etc/resolv.conf" "$root/usr/sbin/policy-rc.d"
