#!/bin/sh
# hardening.sh BINARY: do the hardening flags of the Makefile show in the program users run?
set -u
binary=${1:?usage: hardening.sh BINARY}
[ -r "$binary" ] || { echo "$binary is not there"; exit 1; }
missing=0

expect() { # what, readelf's option, pattern
	readelf -W "$2" "$binary" | grep -Eq "$3" && return
	echo "$binary: no $1"
	missing=1
}

expect "position independence" -h 'Type: +DYN'
expect "position independence" -d 'FLAGS_1.*PIE'
expect "read-only relocations" -l 'GNU_RELRO'
expect "binding at start" -d 'BIND_NOW|FLAGS_1.*NOW'
expect "stack without execution" -l 'GNU_STACK.* RW '
expect "stack protector" --dyn-syms '__stack_chk_fail'
expect "FORTIFY_SOURCE" --dyn-syms '__[a-z]+_chk@'
if readelf -W -d "$binary" | grep -Eq 'TEXTREL|R(UN)?PATH'; then
	echo "$binary: relocations in the code, or a library path of its own"
	missing=1
fi
exit $missing
