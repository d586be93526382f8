#!/usr/bin/env python3
"""words.py: each name_with_underscore and each file.c that a comment or a page mentions exists, so that prose cannot outlive
the code it speaks of. Names of Go, the kernel and libraries are listed in words.txt."""
import os
import re
import sys

from lint import COMMENT_OR_STRING, on_disk, read, sources

NAME = re.compile(r"(?<![\w/.$-])[a-z]\w*_\w*[a-z0-9](?![\w/])(?!\.\w)")
FILE = re.compile(r"(?<![\w./>*-])[a-zA-Z][\w/-]*\w\.(?:[chS]|py|sh|mk|yaml|json)\b(?!\.\w)")
SAMPLE = re.compile(r"^```.*?^```", re.M | re.S)  # what a program prints


def comments(path):
    """(line number, text) of the prose in a file."""
    text = read(path)
    if path.endswith(".md"):
        text = SAMPLE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        return list(enumerate(text.split("\n"), 1))
    found = []
    for m in COMMENT_OR_STRING.finditer(text):
        if m[0].startswith("/"):
            first = text.count("\n", 0, m.start()) + 1
            found += enumerate(m[0].split("\n"), first)
    return found


def known_names():
    """Every word of the code, strings included: a key of the configuration is a word there."""
    names = set()
    for path in sources("**/*.[chS]", "**/*.py", "**/*.sh", "**/*.mk", "Makefile", ".ci/run", "**/*.yaml", "**/*.txt", "**/*.lua",
                        "**/*.in", "loadtest/**/*.json"):
        if path == "tests/lint/lint_test.py":  # it holds the mistakes that it plants
            continue
        text = read(path)
        if path.endswith((".c", ".h", ".S")):
            text = COMMENT_OR_STRING.sub(lambda m: " " if m[0].startswith("/") else m[0], text)
        names |= set(re.findall(r"\w+", text))
    return names | {os.path.splitext(os.path.basename(p))[0] for p in on_disk()}


def main():
    foreign = {w for line in read("tests/lint/words.txt").splitlines() for w in line.split("#")[0].split()}
    known = known_names()
    files = {os.path.basename(p) for p in on_disk()}
    wrong, words, used = [], 0, set()
    paths = sources("**/*.[chS]", "**/*.md")
    for path in paths:
        for number, text in comments(path):
            for m in NAME.finditer(text):
                words += 1
                used.add(m[0])
                if m[0] not in known and m[0] not in foreign:
                    wrong.append(f"{path}:{number}: there is no {m[0]} (a name of somebody else's belongs into words.txt)")
            for m in FILE.finditer(text):
                words += 1
                used.add(m[0])
                here = m[0] in on_disk() or ("/" not in m[0] and m[0] in files)
                if not here and m[0] not in foreign and os.path.normpath(os.path.join(os.path.dirname(path), m[0])) not in on_disk():
                    wrong.append(f"{path}:{number}: there is no file {m[0]}")
    wrong += [f"tests/lint/words.txt: nobody mentions {w}" for w in sorted(foreign - used)]
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{len(paths)} files, {words} names and files mentioned")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
