#!/usr/bin/env python3
"""fmt.py fmt|fmt-check [FILE...]: lay out the C sources, or say which are not.

clang-format decides on indentation, braces, spaces and pointers. What only a person can judge stays as written:
the width of a gap inside a line, how far a continued line is indented, macros, tables, enums, chains of ?:.
"""
import concurrent.futures
import difflib
import os
import re
import subprocess
import sys

from lint import sources

TOOL = os.environ.get("CLANG_FORMAT", "clang-format-14")
# What is left alone: a line, or all lines up to the one that closes a table.
LINE = re.compile(
    r"\s*\{.*\},?$|"  # a row outside of a table
    r"\s*[A-Z][A-Z0-9_]*\(|"  # a macro used as a row
    r"\s*enum\b.*\{.*\}|"
    r"\s*(case .*|default): +\S|"  # a switch written as a table
    r".*\?.*:.*\?.*:|"  # a chain of ?:
    r".*= \{.*\};$|"
    r"\s*__asm__"
)
# The first line of what is left alone as a whole, and the last.
TABLES = [
    (re.compile(r".*= \{$|\s*(typedef )?enum\b.*\{$"), re.compile(r"\s*\}")),
    (re.compile(r"__attribute__\(\(.*[^;]$"), re.compile(r".*\)$")),
]
GOES_ON = re.compile(r"([,(=?&|+*<>\"-]|[^a-z ]:| :|(= |, |[){])\{)$")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
COMMENT = re.compile(r"\s*/\*.*?\*/\s*$")


def hands_off(lines):
    """Numbers (from 1) of the lines clang-format must not touch."""
    off, in_macro, table_end = set(), False, None
    for number, line in enumerate(lines, 1):
        code = COMMENT.sub("", line)
        directive = in_macro or code.lstrip().startswith("#")
        in_macro = directive and line.endswith("\\")
        if table_end or directive or LINE.match(code):
            off.add(number)
        if table_end:
            table_end = None if table_end.match(code) else table_end
            continue
        table_end = next((end for start, end in TABLES if not directive and start.match(code)), None)
        if table_end:
            off.add(number)
    return off


def ranges(count, off):
    start = None
    for number in range(1, count + 2):
        if number <= count and number not in off:
            start = start or number
        elif start:
            yield f"--lines={start}:{number - 1}"
            start = None


def normal(lines):
    """Each line as it is judged."""
    out, goes_on = [], False
    for line in lines:
        text = line.expandtabs(8)
        body = text.strip()
        lead = "" if goes_on else text[: len(text) - len(text.lstrip())]
        out.append(lead + re.sub(r" +", " ", body))
        code = COMMENT.sub("", body)
        goes_on = bool(GOES_ON.search(code)) and not code.startswith(("case ", "default:"))
    return out


def only_breaks(old, new):
    """Is it one statement both times, broken at other places? Where to break a long one is the author's."""
    a, b = (STRING.sub('""', " ".join(lines)) for lines in (old, new))
    if re.match(r"\s*(if|for|while|else|do|switch)\b", a) or re.search(r"[{}]|;.", a):
        return False
    return bool(old and new) and len(old) != len(new) and re.sub(r"\s", "", a) == re.sub(r"\s", "", b)


def formatted(path):
    """The file's lines as they are and as they should be."""
    with open(path, encoding="utf-8") as f:
        old = f.read().splitlines()
    off = hands_off(old)
    lines = list(ranges(len(old), off))
    if not lines:
        return old, old
    new = subprocess.run([TOOL, "--style=file:.clang-format", *lines, path], capture_output=True, text=True, check=True).stdout.splitlines()
    a, b = normal(old), normal(new)
    merged = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        # A table is laid out with the declaration before it, so its lines may come back changed after all.
        keep = tag == "equal" or off.issuperset(range(i + (i < j), j + 1)) or only_breaks(old[i:j], new[k:m])
        merged += old[i:j] if keep else new[k:m]
    return old, [line.rstrip() for line in merged]


def main():
    verb, paths = sys.argv[1], sys.argv[2:]
    if not paths:
        paths = [p for p in sources("*/*.[ch]", "loadtest/*/*.[ch]", "tests/**/*.[ch]") if not p.endswith("_tbl.h")]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (old, new) in zip(paths, pool.map(formatted, paths)):
            if old == new:
                continue
            bad += 1
            if verb == "fmt":
                with open(path, "w", encoding="utf-8") as f:
                    f.write("\n".join(new) + "\n")
                print(f"laid out {path}")
            else:
                print("\n".join(difflib.unified_diff(old, new, path, path + " laid out", lineterm="", n=1)))
    if verb == "fmt-check" and bad:
        sys.exit(f"{bad} files are not laid out: make fmt")


if __name__ == "__main__":
    main()
