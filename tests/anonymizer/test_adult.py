"""The engine on a file of another make: the Adult census extract that lies beside the repository."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from anken.case_file import read_case_file
from services.anonymizer.measure import recount, verify
from services.anonymizer.processing import produce

ROOT = Path(__file__).parents[2]


@pytest.fixture
def adult():
    shared = Path(os.environ.get("ANKEN_SHARED", ROOT.parent / "shared"))
    file = shared / "data/adult/adult.csv"
    assert file.is_file(), "adult.csv is needed beside the repository in shared/data/adult, or below $ANKEN_SHARED"
    return file


def test_the_census_extract_reaches_its_k(adult, tmp_path, key):
    case = read_case_file(ROOT / "deploy/anken/adult.yaml")
    production = produce(adult, case.specification, key, tmp_path / "extract", min_principals=1000)
    assert production.records_read == case.register.principal_count == 30_162
    assert (production.smallest_before, production.smallest, production.records_suppressed) == (1, 5, 556)
    verify(recount(production.folder, case.specification), case.specification, min_principals=1000)
    assert production.records == 30_162 - 556


def test_the_sex_and_salary_columns_are_the_sources_own(adult, tmp_path, key):
    case = read_case_file(ROOT / "deploy/anken/adult.yaml")
    document = case.specification.model_copy(update={"risk": case.specification.risk.model_copy(update={"k": 1})})
    production = produce(adult, document, key, tmp_path / "extract", min_principals=1000)
    with adult.open(encoding="utf-8", newline="") as source, production.csv_file.open(encoding="utf-8", newline="") as extract:
        read = Counter((row["sex"], row["salary-class"]) for row in csv.DictReader(source, delimiter=";"))
        written = Counter((row["sex"], row["salary class"]) for row in csv.DictReader(extract))
    assert read == written
