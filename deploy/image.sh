#!/bin/bash
# image.sh DIRECTORY [PACKAGE]: an OCI image of staunch, without a base: the files of its Debian package (made by make deb)
# and of the packages whose libraries it needs, no shell, no package manager. Writes DIRECTORY, an OCI layout with the tag
# `staunch`. Two images of one package and one state of Debian's archive have one digest. Needs apt-get of Debian 12, umoci,
# jq.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:?usage: image.sh DIRECTORY [PACKAGE]}")
deb=${2:-$(ls build/deb/staunch_*_amd64.deb)}

fail() {
	echo "image: $1" >&2
	exit 1
}
for tool in umoci jq dpkg-deb apt-get; do
	command -v "$tool" >/dev/null || fail "needs $tool (apt-get install umoci jq)"
done
grep -qx 'VERSION_ID="12"' /etc/os-release || fail "takes libraries of Debian 12, from its apt-get"

version=$(dpkg-deb -f "$deb" Version)
SOURCE_DATE_EPOCH=$(deploy/version.sh epoch)
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/staunch-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$work/debs" "$root/var/lib/dpkg"

# ---- packages ----

# What the program is linked with, by the package's own word, and what these libraries need in turn; and the authorities
# that servers' certificates are verified by. Whatever else Debian wants beside a library is for a system with a shell.
libraries=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/ *(.*//; s/^ *//' | grep '^lib')
# shellcheck disable=SC2086 # a list of words
(cd "$work/debs" && apt-get -qq download $libraries ca-certificates >"$work/apt.log" 2>&1) ||
	{
		cat "$work/apt.log" >&2
		fail "apt-get cannot download the libraries"
	}
cp "$deb" "$work/debs"

# One /usr, as Debian has it, before any package brings a directory of that name. Manuals and the like are for people.
mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/usr/bin" "$root/usr/sbin"
for dir in lib lib64 bin sbin; do
	ln -s "usr/$dir" "$root/$dir"
done
for package in "$work"/debs/*.deb; do
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
		--wildcards --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/lintian/*' \
		--exclude='./usr/share/bash-completion/*' --exclude='./usr/share/zsh/*' --exclude='./usr/share/fish/*' \
		--exclude='*/gconv/*' --exclude='*/audit/*' --exclude='./usr/sbin/*' --exclude='./sbin/*' --exclude='*/systemd/*' \
		--exclude='*/sysusers.d/*' --exclude='./etc/logrotate.d/*' --exclude='*/engines-3/*' --exclude='*/ossl-modules/*'
	# Scanners look here for what is inside.
	dpkg-deb -f "$package" | sed '1a Status: install ok installed' >>"$root/var/lib/dpkg/status"
	echo >>"$root/var/lib/dpkg/status"
done
# Of documents the licences stay.
find "$root/usr/share/doc" ! -type d ! -name copyright -delete
find "$root/usr" -type d -empty -delete

# ---- files of our own ----

mkdir -p "$root/etc/ssl/certs" "$root/etc/staunch" "$root/run/staunch" "$root/var/lib/staunch" "$root/tmp" "$root/proc" \
	"$root/sys" "$root/dev"
find "$root/usr/share/ca-certificates" -name '*.crt' | LC_ALL=C sort | xargs cat >"$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root/usr/share/ca-certificates"
cp deploy/container/staunch.yaml "$root/etc/staunch/staunch.yaml"
printf 'root:x:0:0:root:/:/nonexistent\nstaunch:x:65532:65532:staunch:/var/lib/staunch:/nonexistent\n' >"$root/etc/passwd"
printf 'root:x:0:\nstaunch:x:65532:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
jq -n --arg version "$version" --arg created "$created" --rawfile status "$root/var/lib/dpkg/status" '
	def packages: [$status | split("\n\n")[] | select(length > 0) | [splits("\n") | capture("^(?<key>[A-Z][A-Za-z-]*): (?<value>.*)")] | from_entries];
	{spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", name: "staunch-\($version)",
	 documentNamespace: "https://staunch.example/sbom/\($version)",
	 creationInfo: {created: $created, creators: ["Tool: staunch-image"]},
	 packages: [packages[] | {name: .Package, SPDXID: "SPDXRef-\(.Package | gsub("[^A-Za-z0-9.-]"; "-"))", versionInfo: .Version,
		downloadLocation: "NOASSERTION", filesAnalyzed: false,
		externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
			referenceLocator: "pkg:deb/debian/\(.Package)@\(.Version | @uri)?arch=\(.Architecture)&distro=debian-12"}]}]}' \
	>"$root/usr/share/staunch/sbom.spdx.json"
chmod 1777 "$root/tmp"
[ ! -e "$root/bin/sh" ] || fail "there is a shell in it"

# ---- the image ----

# Whoever is 65532 owns what it may write to, and root all else; names sorted, times those of the commit.
{
	cd "$root"
	find . -mindepth 1 ! -path ./run/staunch ! -path ./var/lib/staunch | LC_ALL=C sort |
		tar -c --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu --no-recursion -T -
} >"$work/layer.tar"
tar -r -f "$work/layer.tar" -C "$root" --no-recursion --mtime="@$SOURCE_DATE_EPOCH" --owner=65532 --group=65532 --numeric-owner \
	--format=gnu --mode=0750 ./run/staunch ./var/lib/staunch

rm -rf "$out"
mkdir -p "$(dirname "$out")"
umoci init --layout "$out"
umoci new --image "$out:staunch"
umoci raw add-layer --image "$out:staunch" --history.created "$created" --history.created_by "deploy/image.sh" "$work/layer.tar"
umoci config --image "$out:staunch" --no-history --created "$created" --author "the staunch authors" --os linux \
	--architecture amd64 --config.user 65532:65532 --config.entrypoint /usr/bin/staunch \
	--config.cmd run --config.cmd --config --config.cmd /etc/staunch/staunch.yaml --config.stopsignal SIGTERM \
	--config.exposedports 8080/tcp --config.exposedports 8443/tcp --config.exposedports 9180/tcp \
	--config.workingdir / --config.volume /run/staunch \
	--config.label "org.opencontainers.image.title=staunch" \
	--config.label "org.opencontainers.image.description=TCP reverse proxy that passes every end on as it is" \
	--config.label "org.opencontainers.image.version=$version" \
	--config.label "org.opencontainers.image.created=$created" \
	--config.label "org.opencontainers.image.licenses=MIT AND BSD-3-Clause"
umoci gc --layout "$out" >/dev/null
echo "image: $out:staunch, $(du -sb --apparent-size "$root" | awk '{printf "%.1f MiB", $1 / 1048576}') unpacked, $(
	jq -r '.manifests[0].digest' "$out/index.json")"
