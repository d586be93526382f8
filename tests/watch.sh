#!/bin/sh
# watch.sh: whenever a source is saved, build and run the unit tests whose name has its stem. `make watch` runs it.
command -v inotifywait >/dev/null || {
	echo "watch: inotifywait is missing: apt-get install inotify-tools" >&2
	exit 1
}
echo "watching netpoll, config, proxy and tests; Ctrl-C ends"
inotifywait -qmr -e close_write,moved_to --format '%f' netpoll config proxy tests | while read -r file; do
	case $file in
	*.c | *.h) stem=${file%.*} ;;
	*) continue ;;
	esac
	make --no-print-directory unit FILTER="${stem%_test}" || true
done
