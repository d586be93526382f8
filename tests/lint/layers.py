#!/usr/bin/env python3
"""layers.py: hold every #include, and every use of another file's function, to tests/lint/layers.txt.

A file sees its own folder and lower layers; folders of one layer do not see each other. An include names a header; a
prototype that stands in the wrong header hides a call from it, so the names of functions are looked up too, by ctags.
Prints each breach, and how much was read; exits 1 when there is a breach."""
import fnmatch
import os
import re
import sys

from lint import code_lines, code_sources, functions_defined, read

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)')
USE = re.compile(r"(?<![\w.>])([a-z]\w+)\b")


def matches(name, globs):
    return any(fnmatch.fnmatchcase(name, g) for g in globs)


def load(path):
    layers, gates, homes, doors = [], [], {}, []
    rows = [line.split("#")[0].split() for line in read(path).splitlines()]
    for word, *rest in filter(None, rows):
        if word == "gate":
            gates.append((rest[0], rest[1:]))
        elif word == "only":
            homes[rest[0]] = rest[1:]
        elif word == "door":
            doors += rest
        else:
            layers.append((int(word), rest))
    return layers, gates, homes, doors


class Layers:
    def __init__(self, path):
        self.layers, self.gates, self.homes, self.doors = load(path)

    def of(self, name):
        """The last row that matches counts."""
        return next((n for n, globs in reversed(self.layers) if matches(name, globs)), None)

    def is_above(self, path, other):
        """Is `other` out of sight of `path`: in a higher layer, or in another folder of the same one?"""
        mine, theirs = self.of(path), self.of(other)
        if theirs is None or theirs > mine:
            return f"of layer {theirs}, above this file's {mine}"
        if theirs == mine and os.path.dirname(path) != os.path.dirname(other):
            return f"in another folder of this file's layer {mine}"
        return None

    def include_breach(self, path, quote, header):
        """A sentence on what is wrong with this include, or None."""
        if quote == "<":
            home = next((files for h, files in self.homes.items() if fnmatch.fnmatchcase(header, h)), None)
            return None if home is None or matches(path, home) else f"<{header}> lives in {' '.join(home)} only"
        if "/" not in header:
            return f'"{header}" is not named from the root'
        if not os.path.exists(header):
            return f"there is no {header}"
        folder, other = path.split("/")[0], header.split("/")[0]
        if folder != other and not any(fnmatch.fnmatchcase(path, g) and matches(header, allowed) for g, allowed in self.gates):
            return f"{header} is not for {folder}/: no gate lets it through"
        above = self.is_above(path, header)
        return above and f"{header} is {above}"


def homes_of_functions(paths, layers):
    """Where each function that other files may call is defined; the lowest place, for one that each platform defines."""
    homes = {}
    for name, path, is_static in functions_defined(tuple(p for p in paths if p.endswith(".c"))):
        if not is_static and (name not in homes or layers.of(path) < layers.of(homes[name])):
            homes[name] = path
    return homes


def main():
    layers = Layers("tests/lint/layers.txt")
    found, includes, uses = [], 0, 0
    paths = code_sources("[chS]")
    for path in paths:
        if layers.of(path) is None:
            found.append(f"{path}: no row in tests/lint/layers.txt")
    if found:
        sys.exit("\n".join(found))
    homes = homes_of_functions(paths, layers)
    own = {}
    for name, path, _ in functions_defined(tuple(paths)):
        own.setdefault(path, set()).add(name)
    for path in paths:
        for number, line in enumerate(read(path).splitlines(), 1):
            m = INCLUDE.match(line)
            includes += bool(m)
            why = m and layers.include_breach(path, m[1], m[2])
            if why:
                found.append(f"{path}:{number}: {why}")
        for number, line in code_lines(path):
            for name in USE.findall(line):
                home = homes.get(name)
                if home is None or home == path or name in own.get(path, ()) or not re.search(rf"\b{name}\(", line):
                    continue
                if path in layers.doors:
                    continue
                uses += 1
                why = layers.is_above(path, home)
                if why:
                    found.append(f"{path}:{number}: {name} is defined in {home}, {why}")
    print("\n".join(found), end="\n" if found else "")
    print(f"{len(paths)} files, {includes} includes, {uses} calls and prototypes, {len(found)} upward")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
