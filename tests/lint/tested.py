#!/usr/bin/env python3
"""tested.py: every source has its unit test by name: netpoll/timer.c has tests/unit/netpoll/timer_test.c. A part of a
noun (fd_accept.c) may be tested with the noun (fd_test.c). What is tested elsewhere says where in allow.txt.
And every way a connection can end is what some flow test expects."""
import os
import re

from lint import Report, sources


def tests_for(path):
    folder, stem = os.path.split(path[: -len(".c")])
    words = stem.split("_")
    return [f"tests/unit/{folder}/{'_'.join(words[:n])}_test.c" for n in range(len(words), 0, -1)]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    report = Report({"untested", "orphan", "unexpected"})
    for path in sources("netpoll/*.c", "config/*.c", "proxy/*.c"):
        if not any(os.path.exists(t) for t in tests_for(path)):
            report.add("untested", path, path, f"has no {tests_for(path)[0]}")
    for path in sources("tests/unit/netpoll/*_test.c", "tests/unit/config/*_test.c", "tests/unit/proxy/*_test.c"):
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
