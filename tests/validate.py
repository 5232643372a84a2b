"""Judges JSON by a JSON Schema; the tests' own judge, with Debian's jsonschema.

Reads `{"schema": PATH, "closed": BOOL, "instances": [{"name": TEXT, "value": ANY}]}` from standard input and prints a
list of `[name, message]`, one for each instance that the schema refuses. `closed`: objects may hold only the properties
that the schema names, so that a field without a word in the schema is seen.
"""

import json
import sys

from jsonschema import validators

ONE = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")
MANY = ("oneOf", "anyOf", "allOf")
NAMED = ("definitions", "properties", "patternProperties")


def close(schema):
    """Refuses further properties wherever a schema lists properties and does not speak of others."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    inner = [schema[word] for word in ONE if word in schema]
    inner += [each for word in MANY for each in schema.get(word, [])]
    inner += [each for word in NAMED for each in schema.get(word, {}).values()]
    for each in inner:
        close(each)


def first_error(validator, value):
    errors = sorted(validator.iter_errors(value), key=lambda error: len(error.absolute_path))
    if not errors:
        return None
    error = errors[0]
    # Of the branches of a `oneOf`, the one that was meant, by its constants, and there the deepest place.
    while error.context:
        others = {inner.schema_path[0] for inner in error.context if inner.validator in ("const", "type")}
        meant = [inner for inner in error.context if inner.schema_path[0] not in others] or error.context
        error = max(meant, key=lambda inner: len(inner.absolute_path))
    return f"{error.json_path}: {error.message[:400]}"


def main():
    job = json.load(sys.stdin)
    with open(job["schema"], encoding="utf-8") as file:
        schema = json.load(file)
    kind = validators.validator_for(schema)
    kind.check_schema(schema)
    if job["closed"]:
        close(schema)
    validator = kind(schema)
    found = [[each["name"], first_error(validator, each["value"])] for each in job["instances"]]
    print(json.dumps([each for each in found if each[1] is not None]))


main()
