#!/usr/bin/env python3
"""mistakes.py: the house's own past and likely mistakes, one row each. Exceptions are counted in allow.txt."""
import fnmatch
import re

from lint import Report, code_lines, code_sources, sources

ALL = ["netpoll/*", "config/*", "proxy/*", "loadtest/*", "tests/*"]
DATA_PATH = ["netpoll/*", "proxy/base/*", "proxy/log/*", "proxy/proto/*", "proxy/upstream/*", "proxy/policy/route*", "proxy/conn/*",
             "proxy/listen/*", "proxy/tls/*"]
# Runs on the control thread or on the log's own, or is made when a configuration is loaded: not per connection.
NOT_DATA_PATH = ["proxy/upstream/upstream.c", "proxy/upstream/server.c", "proxy/listen/acceptor.c", "proxy/policy/route.c", "proxy/conn/shard.c",
                 "proxy/log/log_writer.*", "proxy/log/log_sink.*", "proxy/base/name_set.c", "proxy/tls/tls_ctx*", "proxy/tls/tls_worker.c"]
PARSERS = ["proxy/proto/*", "proxy/resolve/dns_packet.c", "config/cidr.c", "config/node.c", "config/units.c", "config/decode.c"]
PLATFORM = ["netpoll/base.h", "netpoll/check.h", "netpoll/ctx*", "netpoll/hook.*", "netpoll/stack.c", "netpoll/syscall.h",
            "netpoll/netpoll_*"]


def call(*names):
    return re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\(")


def system_calls():
    """The names of the hook table, so that a call added there is held from then on."""
    with open("netpoll/hook.h", encoding="utf-8") as f:
        return re.findall(r"^\tX\([^,]+, (\w+),", f.read(), re.M)


#   name, files, but not these, pattern of the mistake, why it is one
RULES = [
    ("banned", ALL, [], call("strcpy", "strcat", "sprintf", "vsprintf", "atoi"),
     "cannot say how much it writes, or whether it failed"),
    ("hook", ["netpoll/*"], ["netpoll/hook.*"], call(*system_calls()),
     "goes past the hook table, so no test can make it fail: call sys_..."),
    ("malloc", DATA_PATH, NOT_DATA_PATH, call("malloc", "calloc", "realloc", "strdup", "strndup", "asprintf", "aligned_alloc"),
     "memory of the data path comes from its pools, or is counted in allow.txt with its reason"),
    ("close", ["netpoll/*"], ["netpoll/fd.c", "netpoll/hook.*"], call("sys_close"),
     "a descriptor is closed once, in fd.c; what never became one is counted in allow.txt"),
    ("errno", ALL[:4], ["netpoll/err.h", "loadtest/*"], re.compile(r"(?<!<)\berrno\b(?!\.h)"),
     "errno does not survive a park: err_from_errno() on the line after the call is its only reader"),
    ("parser", PARSERS, [], call("CHECK"), "a peer's or a user's bytes must never end the process"),
    ("blocking", DATA_PATH, [*NOT_DATA_PATH, "netpoll/sysmon.c"], call("sleep", "usleep", "nanosleep", "poll", "select", "getaddrinfo", "fopen", "system",
                                                       "popen", "pthread_mutex_lock", "pthread_cond_wait", "sem_wait"),
     "stops a worker with all its connections"),
    ("sleep", ["tests/*"], ["tests/kit/wait.c"], re.compile(r"(?<![\w.>])(u|nano)?sleep\(|poll\(NULL"),
     "a pause is either too short or too long: kit_wait for a condition, or step the clock"),
    ("if", ALL[:4], PLATFORM, re.compile(r"^\s*#\s*(if\b|ifdef|elif|else)|^\s*#\s*ifndef (?!\w+_H\b)"),
     "a platform is a file, not a condition inside one"),
    ("todo", ALL, [], re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "either it is needed now, or it is an issue"),
    ("width", ALL, ["*_tbl.h"], re.compile(r"^.{121}"), "longer than 120 columns; the aim is 100"),
    ("layout-off", ALL, [], re.compile(r"clang-format (off|on)"), "layout is settled by tests/lint/fmt.py"),
]
RAW = {"todo", "width", "layout-off"}  # looked for in comments too


def is_else_after_return(before, line):
    """`return ...;`, a closing brace, `else`: the else says nothing."""
    m = re.match(r"(\t+)(?:\} )?else\b", line)
    return m and before and re.match(m[1] + r"\t(return|goto|break|continue)\b.*;$", before)


def late_errno(lines, i):
    """err_from_errno() with no call on its line or in the three code lines before it."""
    if "err_from_errno()" not in lines[i][1]:
        return False
    near = [text for _, text in lines[:i] if text.strip()][-3:] + [lines[i][1].replace("err_from_errno()", "")]
    return not any(re.search(r"\b(?!if\b|while\b|for\b|switch\b|return\b|unlikely\b|likely\b)\w+\(", t) for t in near)


def nested_conditionals(lines):
    """Line numbers at which a `?:` begins inside another one. A comma or a closing bracket ends those it closes."""
    open_at, found = [0], []
    for number, text in lines:
        if text.lstrip().startswith("#"):
            continue
        for c in text:
            if c in "([{":
                open_at.append(open_at[-1] if c != "{" else 0)
            elif c in ")]}":
                open_at = open_at[:-1] or [0]
            elif c == ",":
                open_at[-1] = open_at[-2] if len(open_at) > 1 else 0
            elif c == ";":
                open_at[-1] = 0
            elif c == "?":
                if open_at[-1]:
                    found.append(number)
                open_at[-1] += 1
    return found


def check(path, report):
    with open(path, encoding="utf-8") as f:
        raw = [line.expandtabs(8) for line in f.read().split("\n")]
    lines = code_lines(path)
    rules = [r for r in RULES if any(fnmatch.fnmatch(path, g) for g in r[1])
             and not any(fnmatch.fnmatch(path, g) for g in r[2])]
    for i, (number, text) in enumerate(lines):
        for name, _, _, pattern, why in rules:
            if pattern.search(raw[i] if name in RAW else text):
                report.add(name, path, f"{path}:{number}", why)
        if is_else_after_return(lines[i - 1][1] if i else "", text):
            report.add("else", path, f"{path}:{number}", "else after return")
        if path.split("/")[0] != "tests" and path != "netpoll/err.h" and late_errno(lines, i):
            report.add("late-errno", path, f"{path}:{number}", "err_from_errno() away from the call it reads")
    for number in nested_conditionals(lines):
        report.add("nested", path, f"{path}:{number}", "a conditional expression inside another: an if, a table or a function says it plainly")
    if path.endswith(".c") and not raw[0].startswith("/*"):
        report.add("head", path, f"{path}:1", "a source opens with a sentence on its job")
    guard = re.sub(r"\W", "_", path).upper()
    if path.endswith(".h") and not path.endswith("_tbl.h") and f"#ifndef {guard}" not in "\n".join(raw):
        report.add("guard", path, f"{path}:1", f"the guard of a header is its path: {guard}")


def main():
    report = Report({r[0] for r in RULES} | {"else", "late-errno", "guard", "nested", "head"})
    paths = code_sources() + sources("tests/**/*.[ch]")
    for path in paths:
        check(path, report)
    print(f"{len(paths)} files, {len(RULES) + 5} rules")
    report.close()


if __name__ == "__main__":
    main()
