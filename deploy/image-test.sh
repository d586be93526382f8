#!/bin/bash
# image-test.sh [PACKAGE]: P32: two images have one digest and are small; unpacked, without a capability, with a read-only root
# and as PID 1, the image relays bytes under runc, the health command tells how it is, an upgrade is refused, TERM drains. Needs root, umoci, runc
# (RUNTIME=crun), jq, curl, python3, and what image.sh needs. Last line: image-test: ok.
set -euo pipefail
cd "$(dirname "$0")/.."
RUNTIME=${RUNTIME:-runc} # crun refuses a machine whose control groups are of both versions

fail() {
	echo "image-test: $1" >&2
	exit 1
}
[ "$(id -u)" -eq 0 ] || fail "needs root, for namespaces"
for tool in umoci "$RUNTIME" jq curl python3 nsenter; do
	command -v "$tool" >/dev/null || fail "needs $tool"
done
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-image-test.XXXXXX")
name=staunch-image-test-$$
server=''
end() {
	"$RUNTIME" --root "$dir/runtime" delete --force "$name" >/dev/null 2>&1 || true
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf --one-file-system "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

deploy/image.sh "$dir/one" "$@" >/dev/null 2>&1
deploy/image.sh "$dir/two" "$@" >/dev/null 2>&1
diff -r "$dir/one" "$dir/two" || fail "two images differ"
echo "image-test: two builds: $(jq -r '.manifests[0].digest' "$dir/one/index.json")"

umoci unpack --image "$dir/one:staunch" "$dir/bundle" >/dev/null 2>&1
root=$dir/bundle/rootfs
size=$(du -s --block-size=1K --apparent-size "$root" | cut -f 1)
[ "$size" -le 25600 ] || fail "$size KiB unpacked, over 25 MiB"
[ ! -e "$root/bin/sh" ] || fail "there is a shell"
grep -q '^Package: libssl3$' "$root/var/lib/dpkg/status" || fail "scanners would not see what is in it"
jq -e '.packages | length >= 8' "$root/usr/share/staunch/sbom.spdx.json" >/dev/null || fail "the SBOM is incomplete"
echo "image-test: $size KiB unpacked, $(find "$root" -type f -perm /111 ! -name '*.so*' | wc -l) program"

# No capability, nothing to write to but the directory of the control socket.
jq '.root.readonly = true | .process.terminal = false | .process.noNewPrivileges = true
	| .process.capabilities = {bounding: [], effective: [], inheritable: [], permitted: [], ambient: []}
	| .mounts |= map(select(.type != "cgroup")) | .mounts += [{destination: "/run/staunch", type: "tmpfs", source: "tmpfs",
		options: ["nosuid", "nodev", "noexec", "mode=0700", "uid=65532", "gid=65532"]}]' \
	"$dir/bundle/config.json" >"$dir/config.json"
mv "$dir/config.json" "$dir/bundle/config.json"
[ "$(jq -c '[.process.user.uid, .process.args[0]]' "$dir/bundle/config.json")" = '[65532,"/usr/bin/staunch"]' ] ||
	fail "it would not run as 65532"
"$RUNTIME" --root "$dir/runtime" run --bundle "$dir/bundle" "$name" >"$dir/out" 2>"$dir/err" &
runtime=$!

# Inside its network, which has loopback alone.
until_works() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	cat "$dir/err" >&2
	fail "not within ten seconds: $*"
}
state_pid() {
	pid=$("$RUNTIME" --root "$dir/runtime" state "$name" | jq -e '.pid | select(. > 0)')
}
until_works state_pid
inside() {
	nsenter --net --target "$pid" "$@"
}
mkdir "$dir/www"
head -c 8M /dev/urandom >"$dir/www/file"
inside python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" 8000 >/dev/null 2>&1 &
server=$!
until_works inside curl -fs http://127.0.0.1:8080/
inside curl -fs http://127.0.0.1:8080/file | cmp - "$dir/www/file" || fail "bytes are not the same"
[ "$(inside curl -fs -o /dev/null -w '%{http_code}' http://127.0.0.1:9180/readyz)" = 200 ] || fail "it is not ready"
grep -q '^CapBnd:.*0000000000000000$' "/proc/$pid/status" || fail "it has capabilities"
grep -q '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" || fail "it is not PID 1 of its namespace"
"$RUNTIME" --root "$dir/runtime" exec "$name" /usr/bin/staunch status --quiet || fail "the health command fails"
echo "image-test: it relays, is ready, and the health command says so"

# The container ends with its first process: nothing can take over from it there.
if "$RUNTIME" --root "$dir/runtime" exec "$name" /usr/bin/staunch upgrade >"$dir/said" 2>&1; then
	fail "it was upgraded inside its container"
fi
tr -s ' \n' ' ' <"$dir/said" | grep -q 'there an upgrade is a new container' || fail "upgrade says: $(cat "$dir/said")"
inside curl -fs http://127.0.0.1:8080/file | cmp - "$dir/www/file" || fail "it serves no more after that"
echo "image-test: an upgrade of the first process is refused"

# TERM: /readyz fails at once, clients are let in for shutdown.delay (5 s here), then it ends well.
kill -TERM "$pid"
until_works sh -c "[ \"\$(nsenter --net --target $pid curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9180/readyz)\" = 503 ]"
inside curl -fs http://127.0.0.1:8080/ >/dev/null || fail "clients are refused before the others can know"
code=0
wait "$runtime" || code=$?
[ "$code" -eq 0 ] || fail "TERM ends it with $code"
echo "image-test: TERM drains"
echo "image-test: ok"
