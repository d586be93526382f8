#!/bin/bash
# systemd.sh: sourced by tests that need a running systemd. It becomes process 1 of namespaces of its own, over a root
# file system that is thrown away; loopback is all its network. What the caller has: `dir`, a scratch directory; fail().
# What the caller gets: boot_systemd, and within, wait_for, show and expect. Needs root, systemd, and mounts.

init='' outer=''

# The namespaces end with their process 1, and what was mounted in them.
halt_systemd() {
	[ -z "$outer" ] || { kill -KILL "$outer" 2>/dev/null && wait "$outer" 2>/dev/null; } || true
	outer='' init=''
}
find_init() {
	init=$(pgrep -P "$outer" | head -n 1)
	[ -n "$init" ] && [ "$(cat "/proc/$init/comm")" = systemd ]
}
is_up() { within systemctl is-active basic.target; }

# The files are those of LOWER, a directory, and what is written to them is lost; PREPARE, a script, gets the new root
# before systemd does.
boot_systemd() { # LOWER PREPARE
	mkdir -p "$dir/root"
	unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child bash "${BASH_SOURCE[0]}" "$dir/root" "$1" "$2" \
		>"$dir/log" 2>&1 </dev/null &
	outer=$!
	wait_for "process 1" find_init
	wait_for "systemd" is_up
}

# ---- what the cases use ----

# Two minutes are for a machine that has much else to do.
within() { timeout -k 5 120 nsenter --target "$init" --mount --pid --net --ipc --uts --root --wd -- "$@" </dev/null; }
# shellcheck disable=SC2016 # the inner shell expands it
write() { nsenter --target "$init" --mount --root --wd -- sh -c 'mkdir -p "${1%/*}"; cat >"$1"' sh "$1"; }
wait_for() { # WHAT COMMAND...
	local what=$1 by=$((SECONDS + 60))
	shift
	while [ "$SECONDS" -lt "$by" ]; do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	fail "in a minute: no $what"
}
show() { within systemctl show -p "$1" --value staunch.service; }
expect() { # WHAT VALUE PATTERN
	# shellcheck disable=SC2254 # a pattern
	case $2 in
	$3) echo "$(basename "$0" .sh): $1: $2" ;;
	*) fail "$1: $2, expected $3" ;;
	esac
}
# The last words of systemd and of the service, for a case that fails.
say_state() {
	[ ! -e "$dir/log" ] || tail -n 20 "$dir/log" >&2
	[ -z "$init" ] || within systemctl status --no-pager --lines 0 staunch.service >&2 || true
	[ -z "$init" ] || within journalctl --no-pager -o short-monotonic -n 40 >&2 || true
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

# ---- inside the namespaces, before systemd ----

set -e
dir=$1 lower=$2 prepare=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/fs"
r=$dir/fs
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$r"
mount -t proc proc "$r/proc"
mount -t tmpfs tmpfs "$r/run"
mount -t tmpfs tmpfs "$r/tmp"
mount --rbind /dev "$r/dev"
mount -t sysfs sysfs "$r/sys"
mount -t tmpfs tmpfs "$r/sys/fs/cgroup"
# One tree of control groups where the kernel gives them all to version 2, else systemd's own beside it.
if ! grep -q ' name=systemd' /proc/mounts && ! grep -qE '^[0-9]+:name=systemd:' /proc/self/cgroup; then
	mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
else
	mkdir "$r/sys/fs/cgroup/unified" "$r/sys/fs/cgroup/systemd"
	mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup/unified"
	mount -t cgroup -o none,name=systemd,xattr cgroup "$r/sys/fs/cgroup/systemd"
fi
ip link set lo up
rm -f "$r"/etc/systemd/system/*.wants/* "$r/etc/fstab"
for u in dbus.service dbus.socket systemd-logind.service systemd-udevd.service systemd-udev-trigger.service; do
	ln -sf /dev/null "$r/etc/systemd/system/$u"
done
bash "$prepare" "$r"
# Not by chroot: in one of those the kernel gives nobody a user namespace (PrivateUsers=).
cd "$r"
mkdir -p old
pivot_root . old
umount -l /old
exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=0
