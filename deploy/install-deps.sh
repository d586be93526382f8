#!/bin/sh
# install-deps.sh [build|test|bench|package|all]: install the Debian packages that are missing, and only those.
#   build  what `make` needs; `make demo` asks for this        test  build, and the tests' peers and tools
#   bench  build, and what the load test needs: the rivals, wrk, gnuplot
#   package  build, and what make deb, make image, deb-test.sh and image-test.sh need
#   all    build, test and bench, with what lint and fuzzing need (the default)
# Silent and without touching apt when nothing is missing. Becomes root through sudo only to install.
# Daemons among the packages (nginx, nsd, postgresql, redis, rsyslog) are not started: a temporary policy-rc.d forbids it.
set -eu

BUILD='gcc libc-ares-dev libc6-dev libjs-chart.js libncurses-dev libssl-dev libyaml-dev libmimalloc-dev systemtap-sdt-dev'
# The one server whose package has its version in its name.
# shellcheck source=/dev/null
case $(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}") in
13) POSTGRES=17 ;;
*) POSTGRES=15 ;;
esac
TEST="chromium-headless-shell curl dnsmasq-base gdb groff-base haproxy iproute2 jq libcap2-bin libcmocka-dev libnginx-mod-stream mount nginx-light nsd
openssl postgresql-$POSTGRES procps prometheus python3 python3-dnslib python3-jsonschema python3-yaml redis-server redis-tools rsyslog systemd tmux wrk"
BENCH='gnuplot-nox haproxy iproute2 libnginx-mod-stream nginx-light openssl procps python3 strace valgrind wrk'
PACKAGE='blhc curl debhelper dpkg-dev iproute2 jq libcmocka-dev lintian mmdebstrap openssl procps python3 runc systemd
umoci'
ALL='clang-14 libclang-rt-14-dev clang-format-14 cppcheck git scdoc shellcheck universal-ctags'

fail() {
	echo "install-deps: $1" >&2
	exit 1
}

# The packages of "$@" that are not installed, on one line. Asks dpkg, which needs no root and no network.
missing() {
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

group=${1:-all}
case $group in
build) wanted=$BUILD ;;
test) wanted="$BUILD $TEST" ;;
bench) wanted="$BUILD $BENCH" ;;
package) wanted="$BUILD $PACKAGE" ;;
all) wanted="$BUILD $TEST $BENCH $ALL" ;;
*) fail "usage: install-deps.sh [build|test|bench|package|all]" ;;
esac
# shellcheck disable=SC2086 # the lists are words
set -- $wanted
command -v dpkg-query >/dev/null || fail "this is not a Debian-like system; install by hand: $*"
need=$(missing "$@")
[ -n "$need" ] || exit 0

command -v apt-get >/dev/null || fail "apt-get is not here; install by hand: $need"
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || fail "neither root nor sudo; as root, run: apt-get install $need"
	exec sudo -- "$0" "$group"
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
clean_up() {
	rm -f "$log"
	[ -z "$made_policy" ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
# Somebody's own policy-rc.d stays as it is; 101 is invoke-rc.d's word for "forbidden".
if [ ! -e "$policy" ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null
}
install() {
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends $need
}

echo "install-deps: installing ${need% }"
# A list of packages that is there but stale gives a 404: then, and when there is none, fetch it and try once more.
if ! install && { ! apt update || ! install; }; then
	cat "$log" >&2
	fail "apt-get could not install: $need"
fi
echo "install-deps: done"
