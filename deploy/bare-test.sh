#!/bin/bash
# bare-test.sh [COMMAND]: do the README's two commands work on a bare Debian 12 with git and make, from a clone?
# SUITE=trixie: on a bare Debian 13, with OpenSSL 3.5 and c-ares 1.34.
# Builds such a system in a scratch directory with mmdebstrap, clones HEAD into it and runs them there; COMMAND
# replaces both. Needs root and the network; the host keeps no trace but build time. Last line: bare-test: ok.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

fail() {
	echo "bare-test: $1" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || fail "needs root, for the chroot"
command -v mmdebstrap >/dev/null || fail "needs mmdebstrap (apt-get install mmdebstrap)"

suite=${SUITE:-bookworm}
root=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-bare.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM HUP

echo "bare-test: making a bare $suite in $root"
mmdebstrap --quiet --variant=apt --include=make,git "$suite" "$root" || fail "mmdebstrap failed"
git clone -q --no-hardlinks "file://$here" "$root/root/staunch"
git -C "$root/root/staunch" log -1 --format='bare-test: %h %s'
cp /etc/resolv.conf "$root/etc/resolv.conf"

# Mounts live in a mount and pid namespace of their own: whatever the commands leave running ends with it. The tests
# open terminals (devpts) and shared memory, and make mount namespaces, for which the root must be a mount itself.
bare() {
	echo "bare-test: \$ $1"
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount --pid --fork --kill-child sh -euc '
		mount --bind "$1" "$1"
		cd "$1"
		mount -t proc proc proc
		mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
		mount --bind dev/pts/ptmx dev/ptmx
		mount -t tmpfs -o mode=1777 tmpfs dev/shm
		exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
			sh -c "cd /root/staunch && $2"' sh "$root" "$1" </dev/null || fail "failed: $1"
}

if [ $# -gt 0 ]; then
	bare "$*"
else
	bare 'make demo DEMO_ARGS="--seconds 3"'
	bare 'make test'
fi
[ ! -e "$root/usr/sbin/policy-rc.d" ] || fail "install-deps.sh left its policy-rc.d behind"
echo "bare-test: ok"
