# Runs as root on a host of the rig with pacman: a repository of packages made for tests, and no apt that facts could see.
set -eu
for each in apt-get zypper; do mv "/usr/bin/$each" "/usr/bin/$each.away"; done
mkdir -p /srv/pacman /root/build
# package NAME VERSION MORE: files, and a configuration file.
package() {
  rm -rf /root/build/* /root/build/.[A-Z]*
  cd /root/build
  mkdir -p "usr/share/$1" etc
  echo "$2" > "usr/share/$1/version"
  echo "version $2" > "etc/$1.conf"
  {
    printf 'pkgname = %s\npkgver = %s-1\npkgdesc = made for tests\nbuilddate = 1672617600\n' "$1" "$2"
    printf 'packager = nobody\nsize = 16\narch = any\nlicense = none\nbackup = etc/%s.conf\n%s\n' "$1" "$3"
  } > .PKGINFO
  if [ "$1" = broken ]; then printf 'nonsense\n' > usr/share/hello-lib; fi
  tar --owner=0 --group=0 -czf "/srv/pacman/$1-$2-1-any.pkg.tar.gz" .PKGINFO usr etc
}
package base 1.0 ''
package hello-lib 1.0 ''
package hello 1.0 'depend = hello-lib'
package hello 2.0 'depend = hello-lib'
cd /srv/pacman
repo-add -q tests.db.tar.gz base-1.0-1-any.pkg.tar.gz hello-lib-1.0-1-any.pkg.tar.gz hello-1.0-1-any.pkg.tar.gz
printf '[options]\nArchitecture = auto\nSigLevel = Never\n[tests]\nServer = file:///srv/pacman\n' > /etc/pacman.conf
mkdir -p -m 700 /root/.opsc/backup
pacman -Sy --noconfirm base >/dev/null 2>&1
cd /
rm -r /root/build
