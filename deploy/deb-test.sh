#!/bin/bash
# deb-test.sh [DIRECTORY]: the packages of make deb (in build/deb, or DIRECTORY) on a bare Debian 12: they install, bytes
# pass, a reload works, an upgrade of the package under traffic loses nothing, a purge leaves nothing; beside it lintian
# and blhc. Builds such a system in a scratch directory with mmdebstrap. Needs root, the network, mmdebstrap, lintian,
# blhc. Last line: deb-test: ok.
#
# No systemd runs in that system: the process is started as its unit would, by hand, and what the unit itself does
# (sandbox, sockets, restart) is not tested here; deploy/debian/tests/service does that on a machine of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=$(realpath "${1:-build/deb}")

fail() {
	echo "deb-test: $1" >&2
	exit 1
}
[ "$(id -u)" -eq 0 ] || fail "needs root, for the chroot"
for tool in mmdebstrap lintian blhc ip; do
	command -v "$tool" >/dev/null || fail "needs $tool (apt-get install $tool)"
done
deb=$(ls "$packages"/staunch_*_amd64.deb) || fail "no package in $packages; make deb builds it"

# Errors fail; warnings are shown.
lintian --fail-on error --tag-display-limit 0 "$packages"/staunch_*.changes || fail "lintian found errors"
blhc "$packages/build.log" || fail "blhc: not every call of the compiler is hardened"
echo "deb-test: lintian and blhc are content"

root=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-deb.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM HUP
echo "deb-test: making a bare system in $root"
mmdebstrap --quiet --variant=apt --include=curl,procps,python3,openssl,logrotate bookworm "$root" || fail "mmdebstrap failed"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/packages" "$root/next"
cp "$packages"/*.deb "$root/packages"
cp -r deploy/debian/tests "$root/packages/tests"
# The same package as a later version.
dpkg-deb -R "$deb" "$root/next/tree"
sed -i 's/^Version: .*/&+later/' "$root/next/tree/DEBIAN/control"
dpkg-deb --root-owner-group -Zxz -z1 -b "$root/next/tree" "$root/packages/later.deb" >/dev/null
rm -rf "$root/next"

cat >"$root/packages/run.sh" <<'END'
#!/bin/bash
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
fail() {
	echo "deb-test: $1" >&2
	exit 1
}
# What a package manager keeps for itself is nobody's file.
listing() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /packages -o -path /var/lib/dpkg \
		-o -path /var/lib/apt -o -path /var/cache -o -path /var/log/apt -o -path /var/log/dpkg.log \) -prune -o -print | sort
}
# Its user, and no more rights than the unit gives.
as_unit() {
	setpriv --reuid=staunch --regid=staunch --init-groups --no-new-privs "$@"
}
until_works() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "not within ten seconds: $*"
}

if [ "$1" = install ]; then
	apt-get -qq update
	# What it depends on may stay; what it brings may not.
	apt-get -qq satisfy -y "$(dpkg-deb -f /packages/staunch_*_amd64.deb Depends)" >/tmp/apt.log 2>&1
	listing >/tmp/before
	apt-get -qq install -y /packages/staunch_*_amd64.deb /packages/staunch-doc_*_all.deb >/tmp/apt.log 2>&1 ||
		{ cat /tmp/apt.log; fail "it does not install"; }
	exit 0
fi
dpkg -s staunch | grep -q '^Status: install ok installed' || fail "it is not configured"
getent passwd staunch >/dev/null || fail "there is no user staunch"
[ "$(stat -c '%U:%G %a' /etc/staunch/tls)" = "root:staunch 750" ] || fail "/etc/staunch/tls is not the service's alone"
man_pages=$(dpkg -L staunch | grep -c '/man./') && [ "$man_pages" -ge 6 ] || fail "manuals are missing"
staunch --version
echo "deb-test: it installs"

cp /packages/tests/program /tmp/program
setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp AUTOPKGTEST_TMP=/tmp sh /tmp/program

# As the unit does: its directories, its user.
for dir in /run/staunch /var/lib/staunch /var/log/staunch; do
	install -d -o staunch -g staunch -m 0755 "$dir"
done
head -c 8M /dev/urandom >/tmp/file
python3 -m http.server --bind 127.0.0.1 --directory /tmp 8000 >/dev/null 2>&1 &
sed -i 's|^listeners:|log: {access: /var/log/staunch/access.log}\n&|' /etc/staunch/staunch.yaml
as_unit staunch check --strict
as_unit staunch run --config /etc/staunch/staunch.yaml >/tmp/staunch.log 2>&1 &
until_works curl -fs http://127.0.0.1:8080/
curl -fs http://127.0.0.1:8080/file | cmp - /tmp/file || fail "bytes are not the same"
echo "listeners: [{name: second, bind: '127.0.0.1:8081', upstream: example}]" >/etc/staunch/conf.d/second.yaml
staunch reload --wait
curl -fs http://127.0.0.1:8081/file | cmp - /tmp/file || fail "bytes are not the same after a reload"
echo "deb-test: it serves and reloads"

# Rotation: the postrotate script speaks to systemd, which is not here; the signal is the same.
logrotate --force /etc/logrotate.d/staunch
kill -USR1 "$(pgrep -u staunch -x staunch)"
curl -fs http://127.0.0.1:8080/ >/dev/null
until_works test -s /var/log/staunch/access.log
[ "$(stat -c %U /var/log/staunch/access.log)" = staunch ] || fail "a rotated log is not the service's"
echo "deb-test: its log rotates"

# An upgrade of the package under traffic: one client after the other, and one that stays connected meanwhile.
(
	set +e
	lost=0 served=0
	while [ ! -e /tmp/stop ]; do
		if curl -fs -m 10 http://127.0.0.1:8081/file | cmp -s - /tmp/file; then served=$((served + 1)); else lost=$((lost + 1)); fi
	done
	echo "$served $lost" >/tmp/traffic
) &
traffic=$!
curl -fs --limit-rate 1M http://127.0.0.1:8080/file -o /tmp/slow &
slow=$!
dpkg -i /packages/later.deb >/tmp/upgrade.log 2>&1 || { cat /tmp/upgrade.log; fail "the upgrade of the package fails"; }
dpkg -s staunch | grep -q '^Version: .*later$' || fail "it is not the later version"
wait "$slow" || fail "a connection that lived through the upgrade was cut"
cmp /tmp/slow /tmp/file || fail "bytes through the upgrade are not the same"
touch /tmp/stop
wait "$traffic"
read -r served lost </tmp/traffic
[ "$served" -gt 0 ] && [ "$lost" -eq 0 ] || fail "$lost of $((served + lost)) clients were lost in the upgrade"
grep 'staunch: ' /tmp/upgrade.log | sed 's/^/deb-test: postinst says: /' || true
[ "$(grep -c 'staunch: ' /tmp/upgrade.log)" -le 1 ] || fail "postinst says more than a line"
echo "deb-test: an upgrade of the package under traffic: $served clients, none lost"

# A configuration with a mistake: the process stays, and postinst says so and succeeds.
until_works staunch status --quiet
before=$(staunch status --json | grep -o '"pid":[0-9]*')
echo 'listeners: 1' >/etc/staunch/conf.d/second.yaml
dpkg -i /packages/staunch_*_amd64.deb >/tmp/upgrade.log 2>&1 || { cat /tmp/upgrade.log; fail "a mistake in the file fails the package"; }
grep -q '^staunch: the running process serves on as it is: staunch check refuses' /tmp/upgrade.log || {
	cat /tmp/upgrade.log
	fail "postinst does not say that the check refuses"
}
[ "$(staunch status --json | grep -o '"pid":[0-9]*')" = "$before" ] || fail "it was replaced in spite of a mistake"
curl -fs http://127.0.0.1:8081/file | cmp - /tmp/file || fail "it serves no more"
grep -q "log: {access" /etc/staunch/staunch.yaml || fail "the administrator's configuration was replaced"
echo "deb-test: a bad file takes no good process down"

pkill -TERM -u staunch staunch
until_works sh -c '! pgrep -u staunch'
rm /etc/staunch/conf.d/second.yaml
dpkg --purge staunch staunch-doc >/tmp/purge.log 2>&1 || { cat /tmp/purge.log; fail "the purge fails"; }
listing >/tmp/after
# What systemd-sysusers writes is the user, which stays: its number must not become somebody else's.
diff /tmp/before /tmp/after | grep '^[<>]' | grep -vE '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\.pwd\.lock$|/var/lib/logrotate' \
	>/tmp/left || true
[ ! -s /tmp/left ] || { cat /tmp/left; fail "files are left after a purge"; }
echo "deb-test: a purge leaves nothing but the user"
END

# /proc lives in a mount and pid namespace of its own, and so does loopback, once the packages are there: nothing outlives
# the test, and no port of this machine is taken.
inside() { # stage, more options of unshare
	stage=$1
	shift
	unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" "$@" sh -c 'ip link set lo up; exec "$@"' - \
		chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp \
		bash /packages/run.sh "$stage" </dev/null || fail "see above"
}
inside install
inside use --net
echo "deb-test: ok"
