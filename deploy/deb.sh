#!/bin/bash
# deb.sh DIRECTORY [OPTION...]: the Debian packages of the last commit, built in DIRECTORY from a tree without a trace of
# this one; OPTIONs are dpkg-buildpackage's. Two builds of one commit have the same bytes. DEB_BUILD_OPTIONS=nocheck
# leaves the tests out. Needs debhelper, dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:?usage: deb.sh DIRECTORY}")
shift

fail() {
	echo "deb: $1" >&2
	exit 1
}
command -v dh >/dev/null || fail "needs debhelper (apt-get install debhelper dpkg-dev)"

version=$(deploy/version.sh debian)
version=${version%+changed} # what is not committed is not in it
tree=$out/source
rm -rf "$tree"
mkdir -p "$tree"
if [ -e .git ]; then
	git archive HEAD | tar -x -C "$tree"
else
	tar -c --exclude=./build . | tar -x -C "$tree"
fi
mv "$tree/deploy/debian" "$tree/debian"
SOURCE_DATE_EPOCH=$("$tree/deploy/version.sh" epoch)
export SOURCE_DATE_EPOCH
cat >"$tree/debian/changelog" <<END
staunch ($version) unstable; urgency=medium

  * This version. What users notice: /usr/share/doc/staunch/NEWS.md.gz

 -- staunch maintainers <maintainers@staunch.example>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
(cd "$tree" && env -u CC -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc "$@" >"$out/build.log" 2>&1) ||
	{
		tail -n 40 "$out/build.log" >&2
		fail "dpkg-buildpackage failed; $out/build.log has all of it"
	}
rm -rf "$tree"
ls "$out"/*.deb
