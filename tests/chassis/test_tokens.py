"""Tokens: one that held is known until it expires, and only as it was."""

import time
from pathlib import Path

import pytest

from services.chassis import tokens
from services.chassis.issuer import ISSUER, DevelopmentIssuer
from services.chassis.tokens import TokenCheck, Unauthenticated, token_check


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(tmp_path)


@pytest.fixture
def check(issuer: DevelopmentIssuer) -> TokenCheck:
    return token_check(issuer.jwks, ISSUER, "anken")


def test_a_token_that_held_is_not_checked_again_and_says_the_same(issuer: DevelopmentIssuer, check: TokenCheck, monkeypatch):
    token = issuer.token("head-1", "head", tenant="minatono")
    first = check.claims(token)
    monkeypatch.setattr(tokens.jwt, "decode", None)
    assert check.claims(token) == first


def test_a_known_token_is_refused_once_it_has_expired(issuer: DevelopmentIssuer, check: TokenCheck, monkeypatch):
    token = issuer.token("head-1", "head", tenant="minatono", seconds=60)
    check.claims(token)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated, match="expired"):
        check.claims(token)


def test_a_known_token_with_another_signature_is_refused(issuer: DevelopmentIssuer, check: TokenCheck):
    token = issuer.token("head-1", "head", tenant="minatono")
    check.claims(token)
    head, payload, _ = token.split(".")
    other = issuer.token("head-2", "head", tenant="minatono").split(".")[2]
    with pytest.raises(Unauthenticated):
        check.claims(f"{head}.{payload}.{other}")


def test_what_did_not_hold_is_never_known(issuer: DevelopmentIssuer, check: TokenCheck):
    token = issuer.token("head-1", "head", tenant="minatono", audience="elsewhere")
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            check.claims(token)
    assert not check.known


def test_only_so_many_tokens_are_known(issuer: DevelopmentIssuer, check: TokenCheck, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_KNOWN", 3)
    for number in range(10):
        check.claims(issuer.token(f"head-{number}", "head", tenant="minatono"))
    assert len(check.known) <= 3
