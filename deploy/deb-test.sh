#!/bin/bash
# deb-test.sh [DIRECTORY]: P31: the packages of make deb (in build/deb, or DIRECTORY) on a bare Debian 12: they install,
# bytes pass, a reload works, an upgrade of the package under traffic loses nothing, a purge leaves nothing; once without
# systemd, where the process is started as its unit would, by hand, and once under a systemd in namespaces, by
# autopkgtest; beside it lintian, blhc and piuparts. Builds such a system in a scratch directory with mmdebstrap. Needs root,
# the network and what install-deps.sh package installs. Last line: deb-test: ok.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
packages=$(realpath "${1:-build/deb}")
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-deb.XXXXXX")
root=$dir/bare
# shellcheck source=deploy/kit/systemd.sh
. "$here/deploy/kit/systemd.sh"
trap 'halt_systemd; rm -rf --one-file-system "$dir"' EXIT
trap 'exit 130' INT TERM HUP

fail() {
	echo "deb-test: $1" >&2
	say_state
	exit 1
}
[ "$(id -u)" -eq 0 ] || fail "needs root, for the chroot"
for tool in mmdebstrap lintian blhc piuparts ip; do
	command -v "$tool" >/dev/null || fail "needs $tool (apt-get install $tool)"
done
deb=$(ls "$packages"/staunch_*_amd64.deb) || fail "no package in $packages; make deb builds it"

# Errors fail; warnings are shown.
lintian --fail-on error --tag-display-limit 0 "$packages"/staunch_*.changes || fail "lintian found errors"
blhc "$packages/build.log" || fail "blhc: not every call of the compiler is hardened"
echo "deb-test: lintian and blhc are content"

echo "deb-test: making a bare system in $root"
mmdebstrap --quiet --variant=apt --include=autopkgtest,curl,logrotate,openssl,procps,python3,systemd-sysv bookworm "$root" ||
	fail "mmdebstrap failed"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/packages" "$root/next"
cp "$packages"/*.deb "$root/packages"
cp -r deploy/debian/tests "$root/packages/tests"
cp deploy/kit/peer.py "$root/packages/peer.py"
ln -s "$(basename "$deb")" "$root/packages/first.deb"
# The same package as a later version, and as one whose program checks well and ends when it is to run.
as_version() { # NAME
	sed -i "s/^Version: .*/Version: $(dpkg-deb -f "$deb" Version)+$1/" "$root/next/tree/DEBIAN/control"
	dpkg-deb --root-owner-group -Zxz -z1 -b "$root/next/tree" "$root/packages/$1.deb" >/dev/null
}
dpkg-deb -R "$deb" "$root/next/tree"
as_version later
mv "$root/next/tree/usr/bin/staunch" "$root/next/tree/usr/share/staunch/program"
cat >"$root/next/tree/usr/bin/staunch" <<'END'
#!/bin/sh
case $1 in
check) exit 0 ;;
run) exit 1 ;;
*) exec /usr/share/staunch/program "$@" ;;
esac
END
chmod 755 "$root/next/tree/usr/bin/staunch"
as_version broken
rm -rf "$root/next"
# autopkgtest wants a tree of sources that has the tests.
mkdir -p "$root/packages/source/debian"
cp -r deploy/debian/* "$root/packages/source/debian"
printf 'staunch (%s) unstable; urgency=medium\n\n  * This version.\n\n -- staunch maintainers <m@staunch.example>  %s\n' \
	"$(dpkg-deb -f "$deb" Version)" "$(LC_ALL=C date -u -R)" >"$root/packages/source/debian/changelog"

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

# ---- under systemd: three packages, one after the other, while clients come and stay ----

boot_systemd "$root" /dev/null
within systemd-run --quiet --unit=echo /usr/bin/python3 /packages/peer.py echo
install_package() { # FILE
	within dpkg -i "$1" >"$dir/said" 2>&1 || {
		cat "$dir/said" >&2
		fail "dpkg -i $1 fails"
	}
	grep '^staunch: ' "$dir/said" >"$dir/line" || true
}
serves() { [ "$(show ActiveState)" = active ] && [ "$(within python3 /packages/peer.py load 0.02)" = "0 refused, 0 cut of 4 []" ]; }
# The files of the process that serves: those of the package that was installed last have not been replaced.
program() { within readlink "/proc/$(show MainPID)/exe"; }
traffic() { # SECONDS
	within python3 /packages/peer.py load "$1" >"$dir/load" &
	load=$!
	within python3 /packages/peer.py talk 50 "$1" >"$dir/talk" &
	talk=$!
	sleep 2
}
no_loss() { # WHAT
	wait "$load" "$talk"
	expect "$1: 200 clients a second" "$(cat "$dir/load")" "0 refused, 0 cut of *"
	expect "$1: 50 clients who stay" "$(cat "$dir/talk")" "0 cut of 50, *"
}

install_package /packages/first.deb
wait_for "service after the installation" serves
expect "installed under systemd" "$(within systemctl is-enabled staunch.service staunch.socket | tr '\n' ' ')" "enabled disabled "
within systemctl reload staunch.service || fail "it does not reload"

was=$(show MainPID)
traffic 20
install_package /packages/later.deb
expect "postinst says" "$(cat "$dir/line")" ""
expect "the program that serves" "$(program)" /usr/bin/staunch
[ "$(show MainPID)" != "$was" ] || fail "the process was not replaced"
no_loss "an upgrade of the package"

# The file has a mistake, then the program ends at its start: each time the process serves on and the package is there.
was=$(show MainPID)
traffic 20
echo 'listeners: 1' | write /etc/staunch/conf.d/second.yaml
install_package /packages/first.deb
expect "a file with a mistake" "$(cat "$dir/line")" "staunch: the running process serves on as it is: staunch check refuses the configuration: *"
within rm /etc/staunch/conf.d/second.yaml
install_package /packages/broken.deb
expect "a program that ends" "$(cat "$dir/line")" "staunch: the running process serves on as it is: no upgrade without systemctl restart staunch: *"
expect "lines of it" "$(wc -l <"$dir/line")" 1
expect "the package then" "$(within dpkg-query -W -f "\${db:Status-Abbrev}\${Version}" staunch)" "ii *+broken"
expect "the process then" "$(show MainPID) $(show ActiveState)" "$was active"
no_loss "two upgrades that were refused"
install_package /packages/later.deb
expect "a good package after that" "$(cat "$dir/line") $(program)" " /usr/bin/staunch"

within dpkg --purge staunch >"$dir/said" 2>&1 || fail "the purge fails: $(cat "$dir/said")"
within find / -xdev \( -path /packages -o -path /proc -o -path /sys -o -path /var/log -o -path /var/lib/dpkg \) -prune \
	-o -name '*staunch*' -print >"$dir/left"
[ ! -s "$dir/left" ] || fail "left after a purge: $(cat "$dir/left")"
expect "processes after a purge" "$(within pgrep -c -u staunch || true)" 0
expect "units after a purge" "$(within systemctl list-units --all --no-legend '*staunch*' | grep -c . || true)" 0

# ---- autopkgtest: a machine of its own is what it sees ----

within sh -c 'autopkgtest --no-built-binaries /packages/first.deb /packages/source -- null' >"$dir/autopkgtest" 2>&1 || {
	tail -n 60 "$dir/autopkgtest" >&2
	fail "autopkgtest is not content"
}
for name in program service; do
	expect "autopkgtest" "$(grep -E "^$name +[A-Z]" "$dir/autopkgtest")" "$name *PASS"
done
halt_systemd

# ---- piuparts: installed, removed, installed, purged; what is left of it, and what of the system has changed ----

# systemd is in the system before: it makes directories when it is installed that it leaves when it is purged.
mmdebstrap --quiet --variant=apt --include=systemd bookworm "$dir/base.tar.gz" || fail "mmdebstrap failed"
piuparts --basetgz "$dir/base.tar.gz" --distribution bookworm --no-upgrade-test --no-eatmydata --skip-logrotatefiles-test \
	--ignore-regex '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' --ignore /etc/.pwd.lock "$packages"/staunch_*_amd64.deb \
	>"$dir/piuparts" 2>&1 || {
	tail -n 40 "$dir/piuparts" >&2
	fail "piuparts is not content"
}
rm "$dir/base.tar.gz"
echo "deb-test: piuparts is content"

echo "deb-test: ok"
