"""The broken builds: each patch fits the code as it is, changes a service, and has rounds that can expose it."""

import filecmp

import pytest

from anken.errors import Failed
from tests.chaos.mutants import EXPOSED_BY, HOUSE, ROUNDS, make_mutant, names, rounds_for


def test_there_is_a_way_to_expose_each_mutant():
    assert names() == sorted(EXPOSED_BY)
    assert set(names()) >= {"position-before-ack", "ack-first", "no-contiguity", "default-delivery-timeout"}


@pytest.mark.parametrize("name", names())
def test_a_patch_fits_and_breaks_one_module_of_the_chassis(name, tmp_path):
    make_mutant(name, tmp_path)
    changed = [
        path.relative_to(tmp_path)
        for path in tmp_path.rglob("*.py")
        if not filecmp.cmp(path, HOUSE / path.relative_to(tmp_path), shallow=False)
    ]
    (module,) = changed
    assert module.parts[:2] == ("services", "chassis")


@pytest.mark.parametrize("name", names())
def test_each_has_rounds_that_can_expose_it(name):
    rounds = rounds_for(name, 1)
    assert rounds == sorted(set(rounds))
    assert 1 <= len(rounds) <= ROUNDS


def test_an_unknown_mutant_is_named():
    with pytest.raises(Failed, match="no mutant nonsense"):
        make_mutant("nonsense", HOUSE)
