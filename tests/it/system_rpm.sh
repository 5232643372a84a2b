# Runs as root on a host of the rig with rpm: a repository of packages made for tests, and no apt that facts could see.
set -eu
mv /usr/bin/apt-get /usr/bin/apt-get.away
# Debian's rpm has a database for each user, so that it is not taken for the host's own.
mkdir -p /etc/rpm
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
mkdir -p /srv/rpm /root/rpm
cd /root/rpm
# package NAME VERSION TAGS SCRIPT: files, and a configuration file.
package() {
  cat > spec <<EOF
Name: $1
Version: $2
Release: 1
Summary: made for tests
License: none
BuildArch: noarch
AutoReq: no
$3
%description
made for tests
%install
mkdir -p %{buildroot}/usr/share/$1 %{buildroot}/etc
echo $2 > %{buildroot}/usr/share/$1/version
echo "version $2" > %{buildroot}/etc/$1.conf
%files
/usr/share/$1
%config(noreplace) /etc/$1.conf
$4
EOF
  rpmbuild -bb --quiet --define '_rpmdir /srv/rpm' --define '_topdir /root/rpm/build' --define '_binary_payload w0.ufdio' \
    --define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' spec >/dev/null 2>&1
}
package base 1.0 '' ''
package hello-lib 1.0 '' ''
package hello 1.0 'Requires: hello-lib' ''
package hello 2.0 'Requires: hello-lib' ''
package broken 1.0 'Requires: hello-lib' '%pre -p <lua>
error("the database is not reachable")'
createrepo_c -q /srv/rpm
rpm -i /srv/rpm/base-1.0.rpm 2>/dev/null
cd /
rm -r /root/rpm
