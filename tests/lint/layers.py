#!/usr/bin/env python3
"""layers.py: hold every #include to tests/lint/layers.txt. Prints each breach; exits 1 when there is one."""
import fnmatch
import glob
import re
import sys

from lint import CODE

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)')


def matches(name, globs):
    return any(fnmatch.fnmatchcase(name, g) for g in globs)


def load(path):
    layers, gates, homes = [], [], {}
    with open(path, encoding="utf-8") as f:
        rows = [line.split("#")[0].split() for line in f]
    for word, *rest in filter(None, rows):
        if word == "gate":
            gates.append((rest[0], rest[1:]))
        elif word == "only":
            homes[rest[0]] = rest[1:]
        else:
            layers.append((int(word), rest))
    return layers, gates, homes


def breach(path, quote, header, rules):
    """A sentence on what is wrong with this include, or None."""
    layers, gates, homes = rules
    layer_of = lambda name: next((n for n, globs in reversed(layers) if matches(name, globs)), None)
    if quote == "<":
        home = next((files for h, files in homes.items() if fnmatch.fnmatchcase(header, h)), None)
        return None if home is None or matches(path, home) else f"<{header}> lives in {' '.join(home)} only"
    if "/" not in header:
        return f'"{header}" is not named from the root'
    folder, other = path.split("/")[0], header.split("/")[0]
    if folder != other:
        seen = any(fnmatch.fnmatchcase(path, g) and matches(header, allowed) for g, allowed in gates)
        return None if seen else f"{header} is not for {folder}/: no gate lets it through"
    if (layer_of(header) or 0) > layer_of(path):
        return f"{header} is of layer {layer_of(header)}, above this file's {layer_of(path)}"
    return None


def main():
    rules = load("tests/lint/layers.txt")
    found = []
    for path in sorted(p for f in CODE for p in glob.glob(f"{f}/*.[chS]")):
        if not any(matches(path, globs) for _, globs in rules[0]):
            found.append(f"{path}: no row in tests/lint/layers.txt")
            continue
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                m = INCLUDE.match(line)
                why = m and breach(path, m[1], m[2], rules)
                if why:
                    found.append(f"{path}:{number}: {why}")
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
