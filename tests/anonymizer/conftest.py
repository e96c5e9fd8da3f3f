"""A small file of fictional people with its processing method, for tests that change one thing of it."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from services.anonymizer.processing import Production, produce
from services.anonymizer.specification import Specification, specification_from

KEY = bytes(range(32))
EVERYBODY = 1_000_000
DOCUMENT: dict[str, Any] = {
    "spec_version": 1,
    "unit": "person",
    "input": {"delimiter": ",", "encoding": "utf-8"},
    "columns": [
        {"name": "番号", "role": "identification_code", "rule_items": ["P2"], "technique": {"kind": "drop", "reason": "code"}},
        {"name": "氏名", "role": "direct_identifier", "rule_items": ["P1"], "technique": {"kind": "drop", "reason": "name"}},
        {"name": "性別", "role": "quasi", "technique": {"kind": "keep", "reason": "two values"}},
        {
            "name": "年齢",
            "role": "quasi",
            "rule_items": ["P1"],
            "technique": {"kind": "generalise", "by": "band", "width": 10, "top": {"at": 90, "label": "90+"}},
        },
        {"name": "備考", "role": "other", "technique": {"kind": "keep", "reason": "a class"}},
    ],
    "standard": {
        "P1": {"measure": "names dropped, ages in bands"},
        "P2": {"measure": "numbers dropped"},
        "P3": {"not_applicable": "no linking codes"},
        "P4": {"measure": "small classes deleted"},
        "P5": {"measure": "small classes deleted"},
    },
    "risk": {"k": 2, "quasi": ["性別", "年齢"]},
    "output": {
        "row_number": "行",
        "columns": [
            {"column": "性別", "name": "性別"},
            {"column": "年齢", "name": "年齢階級"},
            {"column": "備考", "name": "備考"},
        ],
    },
}
PEOPLE = "番号,氏名,性別,年齢,備考\n" + "".join(
    f"{number:04d},架空 太郎{number},{'男女'[number % 2]},{60 + number % 20},甲\n" for number in range(40)
)


@pytest.fixture
def document() -> dict[str, Any]:
    """Give a lawful document that the test may change."""
    return deepcopy(DOCUMENT)


@pytest.fixture
def people() -> str:
    """Give the text of a file that the document fits: 40 people in four classes of ten."""
    return PEOPLE


@pytest.fixture
def key() -> bytes:
    return KEY


@pytest.fixture
def one_column() -> Callable[..., Specification]:
    """Give a specification maker for a file of one quasi column `x` and a given technique."""

    def make(technique: dict[str, Any], **column: Any) -> Specification:
        document = deepcopy(DOCUMENT)
        document["columns"] = [{"name": "x", "role": "quasi", "rule_items": ["P1"], "technique": technique, **column}]
        document["standard"]["P2"] = {"not_applicable": "no codes"}
        document["risk"] = {"k": 2, "quasi": ["x"]}
        document["output"] = {"columns": [{"column": "x", "name": "x"}]}
        return specification_from(document)

    return make


@pytest.fixture
def run(tmp_path: Path, key: bytes) -> Callable[..., Production]:
    """Give a processing of a text (or bytes) by a document or specification, into the folder `extract`."""

    def process(
        source: str | bytes,
        specification: Specification | dict[str, Any],
        *,
        people: int = EVERYBODY,
        min_principals: int = 1,
        out: str = "extract",
    ) -> Production:
        file = tmp_path / "source.csv"
        file.write_bytes(source if isinstance(source, bytes) else source.encode())
        made = specification if isinstance(specification, Specification) else specification_from(json.loads(json.dumps(specification)))
        return produce(file, made, key, tmp_path / out, people=people, min_principals=min_principals)

    return process
