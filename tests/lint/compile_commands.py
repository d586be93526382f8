#!/usr/bin/env python3
"""compile_commands.py: reads what make would run (make -n) from standard input and writes compile_commands.json."""
import json
import os
import re
import sys

entries = []
for line in sys.stdin:
    m = re.search(r"^(\S.* -c -o \S+ (\S+\.[cS]))\s*$", line)
    if m:
        entries.append({"directory": os.getcwd(), "command": m[1], "file": m[2]})
with open("compile_commands.json", "w", encoding="utf-8") as f:
    json.dump(entries, f, indent=0)
print(f"compile_commands.json: {len(entries)} sources")
sys.exit(0 if entries else 1)
