#!/bin/sh
# cov.sh DIR: lines covered, per source, after the tests of a BUILD=cov tree have run; the least covered first.
set -eu
dir=${1:?usage: cov.sh DIR}
find "$dir/netpoll" "$dir/config" "$dir/proxy" -name '*.gcda' -exec gcov -n -r {} + 2>/dev/null | awk '
	/^File / { gsub(/\x27/, "", $2); file = $2 }
	/^Lines executed:/ && file ~ /\.c$/ {
		split($0, part, /[:% ]+/)
		covered[file] = part[3]; lines[file] = part[5]; file = ""
	}
	END {
		for (f in lines) {
			printf "%6.1f%% of %4d  %s\n", covered[f], lines[f], f | "sort -n"
			total += lines[f]; hit += lines[f] * covered[f] / 100
		}
		close("sort -n")
		if (total) printf "%6.1f%% of %4d  in all\n", hit * 100 / total, total
	}'
