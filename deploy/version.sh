#!/bin/sh
# version.sh [debian|epoch]: the version of this tree; the same as Debian orders it; or the second of its commit, which
# stands in for the time of a build, so that two builds of one commit are the same.
#
#   1.2.0                            the commit that is tagged v1.2.0
#   1.2.0+5.g7787201                 the fifth commit after it
#   0.0.0+20261201042823.g7787201    no tag before it: the commit's time orders such versions
#   1.2.0+changed                    files differ from the commit
#
# A clone asks git. In an archive that git made (`make dist`, the page of a release) the line in deploy/VERSION has been
# replaced by what git would have said.
set -eu
here=$(dirname "$0")

said=$(cat "$here/VERSION")
changed=
case $said in
\$Format:*)
	format=${said#\$Format:}
	said=$(git -C "$here" log -1 --format="${format%\$}" 2>/dev/null || true)
	git -C "$here" diff --quiet HEAD 2>/dev/null || changed=+changed
	;;
esac

# "TAG COMMIT SECOND", or without the tag.
second=${said##* }
commit=${said% *}
commit=${commit##* }
case $said in
v*) version=$(printf '%s\n' "${said%% *}" | sed -E 's/^v//; s/-([0-9]+)-(g[0-9a-f]+)$/+\1.\2/')$changed ;;
?*) version=0.0.0+$(date -u -d "@$second" +%Y%m%d%H%M%S).g$commit$changed ;;
*)  version=0.0.0+unknown second=$(date +%s) ;;
esac

case ${1-} in
debian) printf '%s\n' "$version" | sed 's/-/~/g' ;; # 1.0.0-rc1 comes before 1.0.0
epoch) printf '%s\n' "$second" ;;
*) printf '%s\n' "$version" ;;
esac
