"""The published JSON Schemas: one per event type and one for the headers, written from the catalogue and compared with what is committed.

`python -m contracts.publication` writes them; with `--check` it fails and lists every file that differs.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from contracts.catalog import CATALOG, Entry
from contracts.envelope import CANONICAL_UUID, CONTENT_TYPE, DIGITS, RFC_3339, SPECVERSION, Envelope, header_name

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FOLDER: Final = Path(__file__).with_name("schemas")
ENVELOPE: Final = "envelope.v1.json"
ENVELOPE_ID: Final = "urn:anken:schema:envelope:v1"
FORMS: Final = {
    "uuid": {"format": "uuid", "pattern": f"^{CANONICAL_UUID}$"},
    "date-time": {"format": "date-time", "pattern": f"^{RFC_3339}$"},
    "integer": {"pattern": f"^{DIGITS}$"},
}

ORDER: Final = ("title", "description", "type", "properties", "required", "$defs")

Schema = dict[str, Any]


class Plain(GenerateJsonSchema):
    """Writes no title beside a member: its name says as much."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - the library's signature
        """Never."""
        return False


def file_name(entry: Entry) -> str:
    """Name the file of an event's schema, e.g. `intake/proposal-submitted.v1.json`."""
    return f"{entry.owner}/{entry.name}.v{entry.model.MAJOR}.json"


def event_schema(entry: Entry) -> Schema:
    """Give the JSON Schema of an event's payload as its owner writes it; members it does not name are allowed."""
    written = entry.model.model_json_schema(mode="serialization", schema_generator=Plain)
    return {"$schema": DIALECT, "$id": entry.dataschema, **{name: written[name] for name in ORDER if name in written}}


def envelope_schema() -> Schema:
    """Give the JSON Schema of the Kafka headers, seen as an object of texts (CloudEvents 1.0, Kafka binary mode)."""
    written = Envelope.model_json_schema()
    properties: Schema = {
        header_name("specversion"): {"const": SPECVERSION},
        header_name("content-type"): {"type": "string", "pattern": f"^{CONTENT_TYPE}"},
    }
    properties |= {header_name(name): _as_text(member) for name, member in written["properties"].items()}
    required = [header_name(name) for name in ("specversion", "content-type", *written["required"])]
    members = {**written, "properties": properties, "required": required}
    return {"$schema": DIALECT, "$id": ENVELOPE_ID, **{name: members[name] for name in ORDER if name in members}}


def _as_text(member: Schema) -> Schema:
    """Say of one attribute how its text looks."""
    kind = next((one for one in member.get("anyOf", ()) if one.get("type") != "null"), member)
    form = FORMS.get(kind.get("format", kind["type"]), {})
    limits = {name: kind[name] for name in ("minLength", "maxLength") if name in kind}
    return {"type": "string", **form, **limits, "description": member["description"]}


def rendered() -> dict[str, bytes]:
    """Give every published file by name; the same models always give the same bytes."""
    schemas = {file_name(entry): event_schema(entry) for entry in CATALOG} | {ENVELOPE: envelope_schema()}
    return {name: (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode() for name, schema in sorted(schemas.items())}


def committed() -> dict[str, bytes]:
    """Read what is there, by the same names."""
    return {str(path.relative_to(FOLDER)): path.read_bytes() for path in sorted(FOLDER.rglob("*.json"))}


def differences() -> list[str]:
    """List the files that are missing, left over or different."""
    wanted, found = rendered(), committed()
    return [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]


def write() -> list[str]:
    """Bring the folder up to date; gives what was changed."""
    changed, wanted = differences(), rendered()
    for name in changed:
        path = FOLDER / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        else:
            path.unlink()
    return changed


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` only compare; gives 1 when a check finds a difference."""
    checking = "--check" in arguments
    changed = differences() if checking else write()
    sys.stdout.writelines(f"{name}\n" for name in changed)
    return int(checking and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
