# SPDX-License-Identifier: Apache-2.0
"""The tools that the conformance package calls by name, as a file for `--fixtures`: their code runs in a VM, as that of
run_python does. usage: fixtures.py FILE"""

import json
import sys

OBJECT = {"type": "object", "properties": {}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
JSON = "display({'application/json': {'test': 'data', 'value': 123}}, raw=True)"

TOOLS = {
    "test_simple_text": "print('This is a simple text response for testing.')",
    "test_image_content": f"display({{'image/png': {PNG!r}}}, raw=True)",
    "test_audio_content": "display({'audio/wav': b'RIFF$\\0\\0\\0WAVEfmt '}, raw=True)",
    "test_embedded_resource": JSON,
    "test_multiple_content_types": f"print('Multiple content types test:')\ndisplay({{'image/png': {PNG!r}}}, raw=True)\n{JSON}",
    "test_error_handling": "raise RuntimeError('This tool intentionally returns an error for testing')",
    "test_tool_with_progress": "import time\nfor i in (0, 50, 100):\n    print(f'{i} of 100', flush=True)\n    time.sleep(0.05)",
    "test_missing_capability": "print('sampled')",
    "test_streaming_elicitation": "print('nothing is asked')",
    "test_logging_tool": "print('nothing is logged')",
    "json_schema_2020_12_tool": "print('valid')",
}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object",
                          "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
                   "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                   "phone": {"type": "string"}, "email": {"type": "string"}},
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def tool(name, code):
    row = {"name": name, "description": f"For the conformance tests: {name}",
           "inputSchema": SCHEMA if name.startswith("json_schema") else OBJECT, "code": code}
    return row if name != "test_missing_capability" else {**row, "requires": {"sampling": {}}}


with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump([tool(*item) for item in TOOLS.items()], file)
