"""schema_json_test.py SCHEMA GOOD... -- BAD...: is SCHEMA a draft-07 schema that accepts each good file and refuses
each bad one? Exits 77 where Python has no jsonschema or no yaml. Scalars are read as YAML 1.2 does (off is text), as
the editors' servers do."""
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError:
    sys.exit(77)


class Reader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}


Reader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
Reader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^([-+]?[0-9]+|0x[0-9a-fA-F]+)$"), list("-+0123456789"))
Reader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789"))
Reader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|)$"), ["~", "n", ""])


def load(path):
    with open(path, encoding="utf-8") as f:
        return yaml.load(f, Reader)


def main():
    schema, cut = load(sys.argv[1]), sys.argv.index("--")
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    wrong = [f"{p}: {e.json_path}: {e.message}" for p in sys.argv[2:cut] for e in validator.iter_errors(load(p))]
    wrong += [f"{p}: accepted" for p in sys.argv[cut + 1 :] if validator.is_valid(load(p))]
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
