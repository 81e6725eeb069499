#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the JSON Schemas: the committed files are what the program prints; every example, and every rule that the golden
diagnostics say nothing is wrong with, is valid; what the program rejects for its structure is invalid. And that
`tocsin check --explain` knows each code that the reader of the configuration uses.

TOCSIN_PROGRAM names the program. Skipped where python3-jsonschema or python3-yaml is not installed."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_DIR / "tests/house"))
from support import SKIPPED  # noqa: E402  pylint: disable=wrong-import-position

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error}; install python3-jsonschema and python3-yaml")
    sys.exit(SKIPPED)

PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
ERRORS = SOURCE_DIR / "tests/rules/errors"

# Mistakes of structure, each with the path of a file that makes it; what a schema cannot see (references, conditions) is not here.
STRUCTURAL = (
    "attribute-type correlation-aliases correlation-generate correlation-option"
    " correlation-rules correlation-threshold correlation-timespan correlation-type detection-not-a-map document-type"
    " empty-selection empty-value-list extension-value filter-rules filter-type invalid-id invalid-level invalid-related"
    " invalid-status logsource-type missing-condition missing-detection missing-key nested-value no-selection null-in-list"
    " unknown-action unknown-correlation-type unknown-key unknown-modifier"
).split()


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML 1.2 core as the program reads it: dates are texts, and so are yes and no."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def documents_of(path):
    return [document for document in yaml.load_all(path.read_text("utf-8"), Loader) if document is not None]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60)


def printed(name):
    result = run("schema", name)
    assert result.returncode == 0, result.stderr
    return result.stdout


class Schemas(unittest.TestCase):
    def validator(self, name):
        schema = json.loads(printed(name))
        jsonschema.Draft7Validator.check_schema(schema)
        return jsonschema.Draft7Validator(schema)

    def problems_of(self, validator, path):
        found = []
        for document in documents_of(path):
            found += [f"{path}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(document)]
        return found

    def test_the_committed_schemas_are_what_the_program_prints(self):
        for name in ("rule", "config"):
            committed = (SOURCE_DIR / f"schema/tocsin-{name}.schema.json").read_text("utf-8")
            self.assertEqual(committed, printed(name), f"tocsin schema {name} > schema/tocsin-{name}.schema.json")

    def test_every_example_rule_is_valid(self):
        validator = self.validator("rule")
        rules = sorted(SOURCE_DIR.glob("examples/*/rules/**/*.yml"))
        self.assertGreater(len(rules), 10)
        for path in rules:
            self.assertEqual(self.problems_of(validator, path), [])

    def test_every_public_rule_is_valid(self):
        shared = pathlib.Path(os.environ.get("TOCSIN_SHARED", SOURCE_DIR / "../shared"))
        rules = sorted((shared / "rules/sigmahq").rglob("*.yml"))
        if not rules:
            self.skipTest(f"skipped: no rules in {shared}/rules/sigmahq")
        self.assertGreater(len(rules), 3000)
        validator = self.validator("rule")
        problems = [problem for path in rules for problem in self.problems_of(validator, path)]
        self.assertEqual(problems[:10], [])

    def test_every_example_configuration_is_valid(self):
        validator = self.validator("config")
        configs = sorted(SOURCE_DIR.glob("examples/*/tocsin*.yaml"))
        self.assertGreater(len(configs), 0)
        for path in configs:
            self.assertEqual(self.problems_of(validator, path), [])

    def test_the_yaml_blocks_of_the_manual_that_are_configurations_are_valid(self):
        validator = self.validator("config")
        text = (SOURCE_DIR / "docs/configuration.md").read_text("utf-8")
        blocks = [yaml.load(block, Loader) for block in re.findall(r"(?<!wrong.yaml -->\n)```yaml\n(.*?)```", text, re.DOTALL)]
        whole = [block for block in blocks if isinstance(block, dict) and "version" in block]
        self.assertGreater(len(whole), 0)
        for block in whole:
            self.assertEqual([error.message for error in validator.iter_errors(block)], [])

    def test_mistakes_of_structure_are_found(self):
        validator = self.validator("rule")
        for name in STRUCTURAL:
            with self.subTest(name=name):
                self.assertNotEqual(self.problems_of(validator, ERRORS / f"{name}.yml"), [])

    def test_a_wrong_configuration_is_found(self):
        validator = self.validator("config")
        for text in ("version: 2", "input: []", "inputs: [{id: a}]", "receivers: [{name: a, slak: {url_env: X}}]",
                     "receivers: [{name: a, slack: {url: {}}}]", "routes: [{min_level: high}]", "routes: [{receiver: a, min_level: bad}]",
                     "rules: [a]", "shutdown_grace: 10", "placeholders: {a: {column: b}}"):
            with self.subTest(text=text):
                self.assertNotEqual(list(validator.iter_errors(yaml.load(text, Loader))), [])


class Codes(unittest.TestCase):
    def test_every_code_of_the_configuration_is_explained(self):
        codes = set()
        for path in SOURCE_DIR.glob("app/*.cc"):
            text = path.read_text("utf-8")
            codes |= set(re.findall(r'"((?:config|missing|unknown|unreadable|readable)-[a-z-]+)"', text))
        self.assertIn("config-value", codes)
        for code in sorted(codes):
            result = run("check", "--explain", code)
            self.assertEqual(result.returncode, 0, f"{code}: {result.stderr}")


    def test_the_manual_lists_every_code_with_its_explanation(self):
        result = run("check", "--explain", "all")
        self.assertEqual(result.returncode, 0, result.stderr)
        printed_rows = [f"- `{code}`: {text}" for code, text in (line.split(": ", 1) for line in result.stdout.splitlines())]
        manual = (SOURCE_DIR / "docs/diagnostics.md").read_text("utf-8").splitlines()
        self.assertEqual(printed_rows, [line for line in manual if line.startswith("- `")],
                         "tocsin check --explain all | sed -E 's/^([a-z-]+)/- `\\1`/'")


if __name__ == "__main__":
    unittest.main()
