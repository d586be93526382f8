#!/usr/bin/env python3
"""tested.py: every source has its unit test by name: netpoll/timer.c has tests/unit/netpoll/timer_test.c. A part of a
noun (fd_accept.c) may be tested with the noun (fd_test.c). What moves real bytes may be tested by a flow test of that
name (tests/flow/c_relay_test.c), and what several sources promise together stands in semantics_*_test.c. What is tested
elsewhere says where in allow.txt.
And every way a connection can end is what some flow test expects."""
import os
import re

from lint import Report, sources


def tests_for(path):
    folder, stem = os.path.split(path[: -len(".c")])
    words = stem.split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    return [f"tests/unit/{folder}/{s}_test.c" for s in stems] + sources(*(f"tests/flow/?_{s}_test.c" for s in stems))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    report = Report({"untested", "orphan", "unexpected"})
    for path in sources("netpoll/*.c", "config/*.c", "proxy/*.c"):
        if not any(os.path.exists(t) for t in tests_for(path)):
            report.add("untested", path, path, f"has no {tests_for(path)[0]}")
    for path in sources("tests/unit/netpoll/*_test.c", "tests/unit/config/*_test.c", "tests/unit/proxy/*_test.c"):
        if os.path.basename(path).startswith("semantics_"):
            continue
        source = re.sub(r"tests/unit/(\w+)/(\w+)_test\.c", r"\1/\2", path)
        if not sources(f"{source}.c", f"{source}_*.c", f"{source}.h", f"{source}_*.S"):
            report.add("orphan", path, path, f"tests no source: there is no {source}.c")
    flows = "".join(read(path) for path in sources("tests/flow/*_test.c"))
    for word in re.findall(r"^\tX\(\w+, +(\w+),", read("proxy/close_tbl.h"), re.M):
        if not re.search(rf"\b{word}\b", flows):
            report.add("unexpected", word, "proxy/close_tbl.h", f"no flow test expects {word}")
    report.close()


if __name__ == "__main__":
    main()
