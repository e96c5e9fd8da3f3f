"""The fictional file looks like an office's, is the same for a seed, and reaches the k of its case file."""

import csv
import hashlib
import itertools
from pathlib import Path

import pytest

from anken.sample import HEADER, write_sample
from services.anonymizer.era import read_date
from services.anonymizer.measure import recount, verify
from services.anonymizer.processing import produce
from services.anonymizer.specification import read_document, specification_from

pytestmark = pytest.mark.slow

CASE = read_document((Path(__file__).parents[2] / "deploy/anken/care_certification.yaml").read_text(encoding="utf-8"))
ASKED_FOR = CASE["proposal"]["principal_count"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    file = tmp_path_factory.mktemp("sample") / "care.csv"
    write_sample(file)
    return file


@pytest.fixture(scope="module")
def people(sample):
    with sample.open(encoding="cp932", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_header_is_the_register_entrys_items(people):
    assert list(people[0]) == list(HEADER) == CASE["register"]["fields"]["recorded_items"]


def test_there_are_as_many_people_as_the_register_says(people):
    assert len(people) == len({person["被保険者番号"] for person in people}) == CASE["register"]["principal_count"] == 20_000


def test_it_is_written_as_an_office_exports_it(sample, people):
    source = sample.read_bytes()
    assert source.count(b"\r\n") == source.count(b"\n") == 20_001
    assert any("\ue000" <= letter <= "\uf8ff" for person in people for letter in person["氏名"])
    assert any("\uff10" <= letter <= "\uff19" for person in people for letter in person["住所"])
    assert {person["要介護度"] for person in people} >= {"要介護5", "要介護\uff15"}
    assert {person["生年月日"][0] for person in people} >= set("TSH大昭") - {"H"}


@pytest.mark.parametrize("item", ["生年月日", "認定年月日", "利用月"])
def test_every_date_is_possible(people, item):
    assert {read_date(person[item]).outcome for person in people} == {"accepted"}


def test_household_members_stand_next_to_each_other(people):
    pairs = sum(one["住所"] == other["住所"] for one, other in itertools.pairwise(people))
    assert pairs > 3_000


def test_equal_seeds_give_equal_bytes(tmp_path):
    digests = []
    for seed in (1, 1, 2):
        write_sample(tmp_path / "file.csv", people=500, seed=seed)
        digests.append(hashlib.sha256((tmp_path / "file.csv").read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_the_sample_reaches_its_k_with_a_small_loss(sample, tmp_path):
    specification = specification_from(CASE["specification"])
    production = produce(sample, specification, bytes(32), tmp_path / "extract", people=ASKED_FOR, min_principals=1000)
    assert production.records_read == 20_000
    assert production.records_drawn == production.records_suppressed + production.records == ASKED_FOR == 15_000
    assert production.smallest >= production.k == 10
    assert production.records_suppressed < 400
    verify(recount(production.folder, specification), specification, min_principals=1000)


def test_no_household_can_be_read_from_the_order_of_the_extract(sample, tmp_path):
    """In the file a person's neighbour lives in the same district far more often than chance; in the extract not."""
    specification = specification_from(CASE["specification"])
    production = produce(sample, specification, bytes(32), tmp_path / "extract", people=ASKED_FOR, min_principals=1000)
    with production.csv_file.open(encoding="utf-8", newline="") as lines:
        districts = [row["地区"] for row in csv.DictReader(lines)]
    neighbours = sum(one == other for one, other in itertools.pairwise(districts)) / len(districts)
    assert abs(neighbours - 0.25) < 0.02


def test_equal_keys_give_equal_bytes_whatever_the_threads_did(sample, tmp_path):
    specification = specification_from(CASE["specification"])
    runs = [produce(sample, specification, bytes(32), tmp_path / name, people=ASKED_FOR, min_principals=1000) for name in "ab"]
    assert len({(run.parquet, run.csv, run.report) for run in runs}) == 1
