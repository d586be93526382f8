#!/bin/bash
# systemd-test.sh [BINARY]: does the unit do under a real systemd what it promises?
# Boots systemd as process 1 of namespaces of its own, over a copy of this machine's files that is thrown away, installs
# program and units there, and runs the cases below. Needs root, systemd, python3; the host keeps no trace.
# Last line: systemd-test: ok.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(readlink -f "${1:-$here/build/staunch}")
# shellcheck source=deploy/kit/systemd.sh
. "$here/deploy/kit/systemd.sh"

fail() {
	echo "systemd-test: $1" >&2
	say_state
	exit 1
}

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-systemd.XXXXXX")
trap 'halt_systemd; rm -rf --one-file-system "$dir"' EXIT
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
trap 'exit 130' INT TERM HUP
[ "$(id -u)" -eq 0 ] || fail "needs root, for namespaces and mounts"
[ -x /lib/systemd/systemd ] || fail "needs systemd (apt-get install systemd)"
[ -x "$binary" ] || fail "no program at $binary: run make first"

# ---- P28: what the units expose ----

systemd-analyze security --offline=yes --threshold=17 "$here/deploy/systemd/staunch.service" >"$dir/exposure" ||
	fail "staunch.service: $(tail -n 1 "$dir/exposure"), more than 1.7"
tail -n 1 "$dir/exposure"
{
	grep -vE '^(AmbientCapabilities|CapabilityBoundingSet)=' "$here/deploy/systemd/staunch.service"
	sed -n '/^\[Service\]/,$p' "$here/deploy/systemd/sockets.conf"
} >"$dir/sockets.service"
systemd-analyze security --offline=yes --threshold=12 "$dir/sockets.service" >"$dir/exposure" ||
	fail "with sockets.conf: $(tail -n 1 "$dir/exposure"), more than 1.2"
tail -n 1 "$dir/exposure"

# ---- a system ----

cat >"$dir/prepare" <<END
r=\$1
install -D -m 755 "$binary" "\$r/usr/bin/staunch"
install -m 755 "$here/deploy/kit/peer.py" "\$r/usr/local/bin/peer"
install -D -m 644 -t "\$r/etc/systemd/system" "$here"/deploy/systemd/staunch.service "$here"/deploy/systemd/staunch.socket
mkdir -p "\$r/etc/staunch" "\$r/etc/systemd/system/staunch.service.d"
printf '[Service]\nStandardOutput=null\n' >"\$r/etc/systemd/system/staunch.service.d/test.conf"
chroot "\$r" systemd-sysusers - <"$here/deploy/staunch.sysusers"
END
boot_systemd / "$dir/prepare"
within systemd-run --quiet --unit=echo /usr/local/bin/peer echo

# ---- what the cases use ----

config() { # BIND...
	{
		printf 'workers: 2\nlisteners:\n'
		for bind; do printf '  - {name: "l%s", bind: "%s", upstream: app}\n' "${bind##*:}" "$bind"; done
		printf '  - {name: late, bind: "127.0.0.1:8081", upstream: app, proxy_protocol: {accept: required, trusted: ["127.0.0.0/8"], timeout: 2m}}\n'
		printf 'upstreams:\n  - {name: app, servers: ["127.0.0.1:8000"]}\n'
	} | write /etc/staunch/staunch.yaml
}
drop_in() { # NAME TEXT
	printf '[Service]\n%s\n' "$2" | write "/etc/systemd/system/staunch.service.d/$1.conf"
	within systemctl daemon-reload
}
load() { # SECONDS [PORT]; its outcome stands in $dir/load when `loaded` has waited for it
	within /usr/local/bin/peer load "$@" >"$dir/load" &
	load=$!
}
loaded() { # WHAT PATTERN
	wait "$load"
	expect "$1 under 200 connections a second" "$(cat "$dir/load")" "$2"
}
restarts() { show NRestarts; }
# After `before=$(restarts)`.
is_back() { [ "$(restarts)" -gt "$before" ] && [ "$(show ActiveState) $(show SubState)" = "active running" ]; }
crash() {
	before=$(restarts)
	within systemctl kill --kill-whom=main --signal=KILL staunch.service
	wait_for "restart after a crash" is_back
}
# A worker stands still until systemd has had enough of it.
stand_still() {
	before=$(restarts)
	within /usr/local/bin/peer hold "$(show MainPID)" "worker 1" 15 &
	hold=$!
	wait_for "restart by the watchdog" is_back
	wait "$hold" || true
}
main_moved() { pid=$(show MainPID) && [ "$pid" != "$was" ] && [ "$pid" -ne 0 ]; }
# Another process is the main one, and the unit was active all the time.
upgrade() { # verb|signal
	was=$(show MainPID) before=$(restarts)
	if [ "$1" = verb ]; then
		within staunch upgrade --wait >"$dir/said" 2>&1 || fail "staunch upgrade fails: $(cat "$dir/said")"
	else
		within systemctl kill --kill-whom=main --signal=USR2 staunch.service
	fi
	wait_for "other main process" main_moved
	[ "$(restarts) $(show ActiveState)" = "$before active" ] || fail "the unit did not stay active over an upgrade"
}
processes() { within pgrep -c -u staunch -x staunch || true; }
are_two() { [ "$(processes)" = 2 ]; }
are_none() { [ "$(processes)" = 0 ]; }
is_one() { [ "$(processes)" = 1 ]; }

# ---- P26, P27, P28: the service with sockets of its own ----

config 127.0.0.1:8080
within systemctl start staunch.service || fail "it does not start"
expect "start" "$(show ActiveState) $(show StatusText)" "active 0 connections on 2 addresses, 1/1 servers up, generation 1 *"
expect "its user" "$(within stat -c %U "/proc/$(show MainPID)")" staunch
within systemctl reload staunch.service || fail "a good reload fails"
expect "a good reload" "$(show StatusText)" "* generation 2 *"
config nonsense
if within systemctl reload staunch.service 2>/dev/null; then fail "a bad reload succeeds"; fi
expect "a bad reload" "$(show ActiveState) $(show StatusText)" "active Reload refused: /etc/staunch/staunch.yaml:3:*generation 2 *"
if within systemctl restart staunch.service 2>/dev/null; then fail "a restart with a bad file succeeds"; fi
expect "a start with a bad file" "$(show ActiveState) $(show ExecMainStatus) $(show NRestarts)" "failed 78 0"
config 127.0.0.1:8080
within systemctl reset-failed staunch.service
within systemctl restart staunch.service || fail "it does not restart"
expect "stored sockets" "$(show NFileDescriptorStore)" 4

load 8
for _ in 1 2 3; do
	sleep 1
	crash
done
loaded "three crashes" "0 refused, *" # who was being served when the process died is cut

# ---- P16, P26, P27: another program takes over ----

load 20
for how in verb signal verb signal verb signal verb signal verb signal; do
	upgrade "$how"
done
loaded "ten upgrades" "0 refused, 0 cut of 4000 *"
wait_for "end of the predecessor" is_one
status_of_new() { case $(show StatusText) in "0 connections on 2 addresses, 1/1 servers up, generation 1 "*) ;; *) false ;; esac; }
wait_for "status of the tenth process" status_of_new
expect "the tenth" "$(show StatusText)" "0 connections on 2 addresses, *"
expect "the store then" "$(show NFileDescriptorStore)" 4
load 3
crash
loaded "a crash after that" "0 refused, *"

config nonsense
if within staunch upgrade --wait >"$dir/said" 2>&1; then fail "an upgrade with a bad file succeeds"; fi
expect "a bad upgrade" "$(show ActiveState) $(tr -s ' \n' ' ' <"$dir/said")" "active *the new program refuses: its configuration has mistakes*"
config 127.0.0.1:8080

# A client whose opening is half here stays in the old process, which systemd stops with the new one.
leave_one_behind() {
	nsenter --target "$init" --net -- "$here/deploy/kit/peer.py" stay 8081 &
	stayer=$!
	is_connected() { within staunch status | grep -q '^connections 1 '; }
	wait_for "client that stays" is_connected
	upgrade verb
	are_two || fail "no predecessor serves on: $(processes)"
}
leave_one_behind
within systemctl stop staunch.service
expect "stop of both" "$(show ActiveState) $(show Result) $(processes) $(show NFileDescriptorStore)" "inactive success 0 0"
wait "$stayer" || true

# The new process is killed, while the old one has a client: it is no child of systemd, which learns of it by the watchdog
# at the latest. The unit comes back, and refuses nobody.
within systemctl start staunch.service
leave_one_behind
load 8
crash
loaded "a crash of the successor" "0 refused, *"
wait "$stayer" || true
wait_for "end of the predecessor" is_one

# ---- P27: the watchdog ----

drop_in watchdog WatchdogSec=4
within systemctl restart staunch.service
stand_still
expect "a worker that stands still" "$(show ActiveState)" active
expect "the store after the watchdog" "$(within /usr/local/bin/peer load 0.2)" "0 refused, 0 cut of 40 *"
upgrade verb
wait_for "end of the predecessor" is_one
sleep 6 # longer than the watchdog: it is the new process that feeds it
expect "the watchdog after an upgrade" "$(restarts) $(show MainPID)" "$before $pid"
stand_still
expect "the new process stands still" "$(show ActiveState)" active
drop_in watchdog ''
within systemctl stop staunch.service
expect "stop" "$(show ActiveState) $(show Result) $(show NFileDescriptorStore)" "inactive success 0"

# ---- P36: ports below 1024, by the unit's capability alone ----

config 127.0.0.1:80
within systemctl start staunch.service || fail "it does not start with a low port"
load 12 80
upgrade verb
config 127.0.0.1:80 127.0.0.1:81
upgrade signal
expect "a low port that the new process binds itself" "$(within /usr/local/bin/peer load 0.2 81)" "0 refused, 0 cut of 40 *"
crash
upgrade verb
loaded "a low port over upgrades and a crash" "0 refused, *"
expect "its capabilities" "$(within grep CapEff "/proc/$pid/status")" "CapEff:?0000000000000400"
within systemctl stop staunch.service

# ---- P25: sockets of systemd ----

config systemd:web
drop_in sockets "$(sed -n '/^AmbientCapabilities/,$p' "$here/deploy/systemd/sockets.conf")"
within systemctl start staunch.socket staunch.service || fail "it does not start with sockets of systemd"
expect "socket activation" "$(show StatusText)" "0 connections on 2 addresses, *"
load 10
for _ in 1 2 3; do
	sleep 1
	within systemctl restart staunch.service
	upgrade verb
done
loaded "three restarts and upgrades with sockets of systemd" "0 refused, 0 cut of 2000 *"
within systemctl stop staunch.socket staunch.service
wait_for "end of all" are_none
echo "systemd-test: ok"
