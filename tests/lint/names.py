#!/usr/bin/env python3
"""names.py: a function's name says in a backtrace which one it is, so no two files define the same. A static function may
have a bare word for a name as long as it is the only one. What each platform defines once is in allow.txt."""
from lint import PRODUCT, Report, code_sources, functions_defined


def main():
    report = Report({"name"})
    places = {}
    for name, path, _ in functions_defined(tuple(code_sources("c", PRODUCT))):
        places.setdefault(name, set()).add(path)
    for name, paths in places.items():
        if len(paths) > 1:
            report.add("name", name, ", ".join(sorted(paths)), f"{name} is defined in {len(paths)} files: say which it is")
    print(f"{len(places)} names, {sum(len(p) > 1 for p in places.values())} defined in two files or more")
    report.close()


if __name__ == "__main__":
    main()
