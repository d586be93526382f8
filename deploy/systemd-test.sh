#!/bin/bash
# systemd-test.sh [BINARY]: does the unit do under a real systemd what it promises?
# Boots systemd as process 1 of namespaces of its own, over a copy of this machine's files that is thrown away, installs
# program and units there, and runs the cases below. Needs root, systemd, python3; the host keeps no trace.
# Last line: systemd-test: ok.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(readlink -f "${1:-$here/build/staunch}")

fail() {
	echo "systemd-test: $1" >&2
	[ ! -e "$dir/log" ] || tail -n 20 "$dir/log" >&2
	[ -z "${init:-}" ] || within journalctl --no-pager -o cat -n 20 -u staunch.service >&2 || true
	exit 1
}

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-systemd.XXXXXX")
outer=
# The namespaces end with their process 1, and what was mounted in them.
clean_up() {
	[ -z "$outer" ] || { kill -KILL "$outer" 2>/dev/null; wait "$outer" 2>/dev/null; } || true
	rm -rf --one-file-system "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
[ "$(id -u)" -eq 0 ] || fail "needs root, for namespaces and mounts"
[ -x /lib/systemd/systemd ] || fail "needs systemd (apt-get install systemd)"
[ -x "$binary" ] || fail "no program at $binary: run make first"

# ---- P28: what the units expose ----

systemd-analyze security --offline=yes --threshold=17 "$here/deploy/systemd/staunch.service" >"$dir/exposure" ||
	fail "staunch.service: $(tail -n 1 "$dir/exposure"), more than 1.7"
{
	grep -vE '^(AmbientCapabilities|CapabilityBoundingSet)=' "$here/deploy/systemd/staunch.service"
	sed -n '/^\[Service\]/,$p' "$here/deploy/systemd/sockets.conf"
} >"$dir/sockets.service"
systemd-analyze security --offline=yes --threshold=12 "$dir/sockets.service" >"$dir/exposure" ||
	fail "with sockets.conf: $(tail -n 1 "$dir/exposure"), more than 1.2"
echo "systemd-test: exposure at most 1.7, with sockets of systemd 1.2"

# ---- a system ----

cat >"$dir/boot" <<'BOOT'
#!/bin/bash
set -e
dir=$1 binary=$2 here=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir/root"
mkdir "$dir/root/upper" "$dir/root/work" "$dir/root/fs"
r=$dir/root/fs
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/root/upper,workdir=$dir/root/work" "$r"
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
install -D -m 755 "$binary" "$r/usr/bin/staunch"
install -D -m 644 -t "$r/etc/systemd/system" "$here"/deploy/systemd/staunch.service "$here"/deploy/systemd/staunch.socket
mkdir -p "$r/etc/systemd/system/staunch.service.d"
printf '[Service]\nWatchdogSec=2\nStandardOutput=null\n' >"$r/etc/systemd/system/staunch.service.d/test.conf"
for u in dbus.service dbus.socket systemd-logind.service systemd-udevd.service systemd-udev-trigger.service; do
	ln -sf /dev/null "$r/etc/systemd/system/$u"
done
chroot "$r" systemd-sysusers - <"$here/deploy/staunch.sysusers"
mkdir -p "$r/etc/staunch"
# Not by chroot: in one of those the kernel gives nobody a user namespace (PrivateUsers=).
cd "$r"
mkdir old
pivot_root . old
umount -l /old
exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=0
BOOT
mkdir "$dir/root"
unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child bash "$dir/boot" "$dir" "$binary" "$here" \
	>"$dir/log" 2>&1 </dev/null &
outer=$!

init=
find_init() {
	init=$(pgrep -P "$outer" | head -n 1)
	[ -n "$init" ] && [ "$(cat "/proc/$init/comm")" = systemd ]
}
within() { timeout -k 5 60 nsenter --target "$init" --mount --pid --net --ipc --uts --root --wd -- "$@" </dev/null; }
wait_for() { # WHAT COMMAND...
	local what=$1
	shift
	for _ in $(seq 300); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	fail "in 30 s: no $what"
}
is_up() { within systemctl is-active basic.target; }
wait_for "process 1" find_init
wait_for "systemd" is_up

# ---- what the cases use ----

config() { # BIND
	printf 'workers: 2\nlisteners:\n  - {name: web, bind: ["%s"], upstream: app}\nupstreams:\n  - {name: app, servers: ["127.0.0.1:8000"]}\n' "$1" |
		nsenter --target "$init" --mount --root --wd -- sh -c 'cat >/etc/staunch/staunch.yaml'
}
show() { within systemctl show -p "$1" --value staunch.service; }
expect() { # WHAT VALUE PATTERN
	# shellcheck disable=SC2254 # a pattern
	case $2 in
	$3) echo "systemd-test: $1: $2" ;;
	*) fail "$1: $2, expected $3" ;;
	esac
}
nsenter --target "$init" --mount --root --wd sh -c 'cat >/usr/local/bin/peer' <<'PY'
#!/usr/bin/python3
"""peer echo: the server behind staunch. peer load SECONDS: 200 connections a second; prints how many were refused, and cut before their answer.
peer hold PID NAME SECONDS: one thread of a process stands still, as under a debugger."""
import ctypes, os, socket, sys, threading, time


def echo():
    s = socket.create_server(("127.0.0.1", 8000), backlog=1024)
    while True:
        c, _ = s.accept()
        threading.Thread(target=answer, args=(c,), daemon=True).start()


def answer(c):
    with c:
        while (b := c.recv(4096)):
            c.sendall(b)


def ask(refused, cut):
    try:
        c = socket.create_connection(("127.0.0.1", 8080), timeout=20)
    except OSError as e:
        refused.append(str(e))
        return
    with c:
        try:
            c.sendall(b"hello")
            if c.recv(5) != b"hello":
                cut.append("end")
        except OSError as e:
            cut.append(str(e))


def load(seconds):
    refused, cut, all = [], [], []
    begin = time.monotonic()
    for n in range(int(seconds * 200)):
        time.sleep(max(0, begin + n / 200 - time.monotonic()))
        t = threading.Thread(target=ask, args=(refused, cut))
        t.start()
        all.append(t)
    for t in all:
        t.join()
    print(f"{len(refused)} refused, {len(cut)} cut of {len(all)} {sorted(set(refused + cut))}")


def hold(pid, name, seconds):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tid, = (int(t) for t in os.listdir(f"/proc/{pid}/task") if open(f"/proc/{pid}/task/{t}/comm").read().strip() == name)
    if libc.ptrace(0x4206, tid, None, None) or libc.ptrace(0x4207, tid, None, None):  # SEIZE, INTERRUPT
        sys.exit("cannot trace")
    os.waitpid(tid, 0x40000000)
    time.sleep(seconds)


{"echo": echo, "load": lambda s: load(float(s)), "hold": lambda p, n, s: hold(int(p), n, float(s))}[sys.argv[1]](*sys.argv[2:])
PY
within chmod 755 /usr/local/bin/peer
within systemd-run --quiet --unit=echo /usr/local/bin/peer echo

# ---- P26, P27, P28: the service with sockets of its own ----

config 127.0.0.1:8080
within systemctl start staunch.service || fail "it does not start"
expect "start" "$(show ActiveState) $(show StatusText)" "active 0 connections on 1 address, 1/1 servers up, generation 1 *"
expect "its user" "$(within stat -c %U "/proc/$(show MainPID)")" staunch
within systemctl reload staunch.service || fail "a good reload fails"
expect "a good reload" "$(show StatusText)" "* generation 2 *"
config nonsense
if within systemctl reload staunch.service 2>/dev/null; then fail "a bad reload succeeds"; fi
expect "a bad reload" "$(show ActiveState) $(show StatusText)" "active Reload refused: /etc/staunch/staunch.yaml:3:*generation 2 *"
if within systemctl restart staunch.service 2>/dev/null; then fail "a restart with a bad file succeeds"; fi
config 127.0.0.1:8080
within systemctl reset-failed staunch.service
within systemctl restart staunch.service || fail "it does not restart"
expect "stored sockets" "$(show NFileDescriptorStore)" 2

is_at() { [ "$(show NRestarts) $(show ActiveState)" = "$1 active" ]; }
within /usr/local/bin/peer load 8 >"$dir/crash" &
load=$!
for n in 1 2 3; do
	sleep 1
	within systemctl kill --kill-whom=main --signal=KILL staunch.service
	wait_for "restart $n" is_at "$n"
done
wait "$load"
expect "three crashes under 200 connections a second" "$(cat "$dir/crash")" "0 refused, * of 1600 *" # one that was being served when the process died is cut
expect "restarts" "$(show NRestarts)" 3

pid=$(show MainPID)
within /usr/local/bin/peer hold "$pid" "worker 1" 15 &
hold=$!
wait_for "restart by the watchdog" is_at 4
wait "$hold" || true
expect "a worker that stands still" "$(show NRestarts) $(show ActiveState)" "4 active"
expect "the store after the watchdog" "$(within /usr/local/bin/peer load 0.2)" "0 refused, 0 cut of 40 *"
within systemctl stop staunch.service
expect "stop" "$(show ActiveState) $(show Result) $(show NFileDescriptorStore)" "inactive success 0"

# ---- P25: sockets of systemd ----

config systemd:web
nsenter --target "$init" --mount --root --wd sh -c 'cat >/etc/systemd/system/staunch.service.d/sockets.conf' <"$here/deploy/systemd/sockets.conf"
within systemctl daemon-reload
within systemctl start staunch.socket staunch.service || fail "it does not start with sockets of systemd"
expect "socket activation" "$(show StatusText)" "0 connections on 1 address, *"
within /usr/local/bin/peer load 5 >"$dir/restart" &
load=$!
for _ in 1 2 3; do
	sleep 1
	within systemctl restart staunch.service
done
wait "$load"
expect "three restarts under 200 connections a second" "$(cat "$dir/restart")" "0 refused, 0 cut of 1000 *"
within systemctl stop staunch.socket staunch.service
echo "systemd-test: ok"
