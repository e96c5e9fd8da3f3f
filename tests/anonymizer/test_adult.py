"""The engine on a file of another make: the Adult census extract that lies beside the repository."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from services.anonymizer.measure import recount, verify
from services.anonymizer.processing import produce
from services.anonymizer.specification import read_document, specification_from

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CASE = read_document((ROOT / "deploy/anken/adult.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def adult():
    shared = Path(os.environ.get("ANKEN_SHARED", ROOT.parent / "shared"))
    file = shared / "data/adult/adult.csv"
    assert file.is_file(), "adult.csv is needed beside the repository in shared/data/adult, or below $ANKEN_SHARED"
    return file


def test_the_census_extract_reaches_its_k(adult, tmp_path, key):
    specification = specification_from(CASE["specification"])
    production = produce(adult, specification, key, tmp_path / "extract", people=30_162, min_principals=1000)
    assert production.records_read == production.records_drawn == CASE["register"]["principal_count"] == 30_162
    assert (production.smallest_before, production.smallest, production.records_suppressed) == (1, 5, 556)
    verify(recount(production.folder, specification), specification, min_principals=1000)
    assert production.records == 30_162 - 556


def test_as_many_of_the_census_extract_as_were_asked_for_reach_its_k(adult, tmp_path, key):
    specification = specification_from(CASE["specification"])
    people = CASE["proposal"]["principal_count"]
    production = produce(adult, specification, key, tmp_path / "extract", people=people, min_principals=1000)
    assert production.records_drawn == production.records_suppressed + production.records == people == 25_000
    verify(recount(production.folder, specification), specification, min_principals=1000)


def test_the_sex_and_salary_columns_are_the_sources_own(adult, tmp_path, key):
    specification = specification_from(CASE["specification"])
    everybody = specification.model_copy(update={"risk": specification.risk.model_copy(update={"k": 1})})
    production = produce(adult, everybody, key, tmp_path / "extract", people=30_162, min_principals=1000)
    with adult.open(encoding="utf-8", newline="") as source, production.csv_file.open(encoding="utf-8", newline="") as extract:
        read = Counter((row["sex"], row["salary-class"]) for row in csv.DictReader(source, delimiter=";"))
        written = Counter((row["sex"], row["salary class"]) for row in csv.DictReader(extract))
    assert read == written
