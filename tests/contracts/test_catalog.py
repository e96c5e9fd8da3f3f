"""The catalogue: every type once, well-formed, owned by one service, and free of free text."""

import re
from typing import Annotated

import pytest
from pydantic import StringConstraints

from contracts.catalog import BY_TYPE, CATALOG, CONFORMING_CASE, REFUSED_CASE, owned
from contracts.intake import ProposalSubmitted
from contracts.law.anchors import anchors, articles_of
from contracts.review import ScreeningDecided
from contracts.topics import OWNERS
from contracts.values import ContractEvent, ReactionRefused
from tests.contracts.kinds import PLAIN, TEXTS, UnknownKind, leaves, strategy

EACH = pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: f"{entry.owner}-{entry.name}")


def test_every_type_and_every_urn_stands_once():
    assert len(BY_TYPE) == len(CATALOG) == len({entry.dataschema for entry in CATALOG})


@EACH
def test_types_and_urns_are_well_formed(entry):
    assert re.fullmatch(r"jp\.anken\.[a-z]+\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*", entry.type)
    assert re.fullmatch(r"urn:anken:schema:[a-z]+:[a-z]+(-[a-z]+)*:v[1-9][0-9]*", entry.dataschema)
    assert entry.owner in OWNERS


def test_a_name_says_its_words():
    entry = owned("intake", ProposalSubmitted)
    assert (entry.type, entry.dataschema) == ("jp.anken.intake.proposal-submitted.v1", "urn:anken:schema:intake:proposal-submitted:v1")


def test_every_owner_may_say_that_a_reaction_was_refused():
    assert [entry.owner for entry in CATALOG if entry.model is ReactionRefused] == list(OWNERS)


def test_nobody_says_what_another_owns():
    with pytest.raises(KeyError):
        owned("billing", ScreeningDecided)


def test_a_conforming_case_has_27_events_and_a_refused_one_13():
    assert (len(CONFORMING_CASE), len(REFUSED_CASE)) == (27, 13)
    assert {*CONFORMING_CASE, *REFUSED_CASE} <= {entry.name for entry in CATALOG}
    assert CONFORMING_CASE.count("criterion-found") == REFUSED_CASE.count("criterion-found") == 7


def test_nothing_is_delivered_before_payment_and_contract():
    delivered = CONFORMING_CASE.index("extract-delivered")
    assert delivered > max(CONFORMING_CASE.index("fee-paid"), CONFORMING_CASE.index("contract-concluded"))


@EACH
def test_an_event_holds_no_free_text(entry):
    for path, kind in leaves(entry.model, entry.name):
        assert kind in TEXTS or kind in PLAIN, f"{path} is of no agreed kind: {kind}"


def test_free_text_would_be_noticed():
    class Remark(ContractEvent):
        remark: str | None
        loose: Annotated[str, StringConstraints(max_length=9)]

    assert [path for path, kind in leaves(Remark, "remark") if kind not in TEXTS and kind not in PLAIN] == ["remark.remark", "remark.loose"]
    with pytest.raises(UnknownKind):
        strategy(Remark)


def test_every_event_of_a_case_has_its_articles():
    (first,) = anchors()
    lacking = [entry.type for entry in CATALOG if entry.name in CONFORMING_CASE and not articles_of(entry.type, first.in_force)]
    assert lacking == []


def test_every_anchor_is_of_an_event_in_the_catalogue():
    known = {f"{entry.owner}.{entry.model.__name__}" for entry in CATALOG}
    assert {name for one in anchors() for name in one.events} <= known
