"""Review over HTTP: from a complete proposal to the contract, a refusal, and who is let in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.chassis.actor import service_actor
from services.review.reactions import REACTIONS
from tests.case_events import CASE, SPECIFICATION, fee_estimated, fee_paid, proposal_found_complete, proposal_submitted
from tests.interleaving import heard

SUBMITTED, COMPLETE, ESTIMATED, PAID = proposal_submitted(), proposal_found_complete(), fee_estimated(), fee_paid()
STAFF = {role: f"{role}-1:{role}" for role in ("owner", "coordinator", "head", "auditor", "operator")}
PROPOSER = "proposer-1:proposer"
NOTICE = {"payment_method": "payment_notice", "payment_due": "2026-09-30", "delivery_method": "optical_disc"}


@pytest.fixture
def hear(desk):
    def hear(event, case=CASE):
        told = heard(event, desk.today(), actor="proposer-1", subject=case)
        desk.take(service_actor("review", "minatono"), *REACTIONS[type(event)](told))

    return hear


@pytest.fixture
def post(http):
    def post(who, path, body=None, case=CASE):
        return http(STAFF.get(who, who), "POST", f"/cases/{case}/{path}", body)

    return post


def judge(post, *unmet, case=CASE):
    for criterion in range(1, 8):
        body = {"criterion": criterion, "met": criterion not in unmet, "reason": "海原データの提案を見た"}
        if criterion == 3 and 3 not in unmet:
            body["specification"] = SPECIFICATION
        taken = post("owner", "findings", body, case)
        assert taken.json()["events"] == ["CriterionFound"], taken.text


def decided(post, hear, case=CASE):
    hear(SUBMITTED, case)
    hear(COMPLETE, case)
    judge(post, case=case)
    assert post("owner", "cost", {"creation_minutes": 480}, case).json()["events"] == ["CostEstimated"]
    hear(ESTIMATED, case)
    taken = post("head", "decision", {"outcome": "conforming", "specification": SPECIFICATION}, case)
    assert taken.json()["events"] == ["ScreeningDecided"], taken.text


def test_a_conforming_case_goes_from_findings_to_contract(http, post, hear):
    decided(post, hear)
    assert post("coordinator", "notice", NOTICE).json()["events"] == ["NumberIssued", "ResultNotified"]
    assert post("coordinator", "notice", NOTICE).json()["events"] == []
    assert post(PROPOSER, "contract-application").json()["events"] == ["ContractApplied"]
    early = post("head", "contract")
    assert (early.status_code, early.json()["rule"], early.json()["field"]) == (422, "115", "fee")
    hear(PAID)
    assert post("head", "contract").json()["events"] == ["NumberIssued", "ContractConcluded"]
    assert post("head", "contract").json()["events"] == []
    seen = http(PROPOSER, "GET", f"/cases/{CASE}").json()
    assert (seen["status"], seen["notice"]["notice_number"], seen["contract"]["contract_number"]) == ("contracted", "R8-N0001", "R8-C0001")
    (row,) = http(STAFF["auditor"], "GET", "/cases").json()
    assert (row["status"], row["fee"], row["contract"]["status"]) == ("notified", 52_600, "concluded")


@pytest.mark.parametrize("term", ["payment_method", "delivery_method"])
def test_a_word_that_is_no_code_leaves_nothing_behind(desk, post, hear, term):
    decided(post, hear)
    before = desk.recorder.max_notification_id()
    refused = post("coordinator", "notice", NOTICE | {term: "Yamada_Taro"})
    assert (refused.status_code, refused.json()["rule"], refused.json()["field"]) == (422, "V24", term)
    assert "Yamada" not in refused.text
    assert desk.recorder.max_notification_id() == before


def test_numbers_go_on_from_case_to_case(http, post, hear):
    for place in range(1, 4):
        case = UUID(int=20 + place)
        decided(post, hear, case)
        post("coordinator", "notice", NOTICE, case)
        assert http(STAFF["head"], "GET", f"/cases/{case}").json()["notice"]["notice_number"] == f"R8-N000{place}"


@pytest.mark.parametrize("other", [CASE, UUID(int=20)])
def test_two_notices_at_once_get_a_number_each_and_one_case_only_one(http, desk, post, hear, other):
    for case in {CASE, other}:
        decided(post, hear, case)

    def meanwhile():
        with ThreadPoolExecutor(1) as another:
            assert another.submit(post, "coordinator", "notice", NOTICE, other).result().json()["events"] == [
                "NumberIssued",
                "ResultNotified",
            ]

    desk.recorder.first.append(meanwhile)
    assert post("coordinator", "notice", NOTICE).json()["events"] == ([] if other == CASE else ["NumberIssued", "ResultNotified"])
    numbers = {case: http(STAFF["head"], "GET", f"/cases/{case}").json()["notice"]["notice_number"] for case in (other, CASE)}
    assert [*numbers.values()] == ["R8-N0001", "R8-N0002"][: len(numbers)]


def test_a_number_that_was_refused_its_step_is_not_used_up(http, post, hear):
    decided(post, hear)
    assert post("coordinator", "notice", {**NOTICE, "payment_due": "2026-08-01"}).json()["rule"] == "V25"
    post("coordinator", "notice", NOTICE)
    assert http(STAFF["head"], "GET", f"/cases/{CASE}").json()["notice"]["notice_number"] == "R8-N0001"


def test_a_notice_repeated_in_the_next_fiscal_year_takes_no_number(post, hear, clock):
    decided(post, hear)
    post("coordinator", "notice", NOTICE)
    clock.set(datetime(2027, 4, 2, 3, tzinfo=UTC))
    assert post("coordinator", "notice", NOTICE).json()["events"] == []


def test_a_refused_case_ends_with_the_notice_and_its_reasons(http, post, hear):
    hear(SUBMITTED)
    hear(COMPLETE)
    judge(post, 4)
    assert post("owner", "cost", {"creation_minutes": 480}).json()["field"] == "criterion"
    wrong = post("head", "decision", {"outcome": "conforming", "specification": SPECIFICATION})
    assert (wrong.json()["rule"], wrong.json()["field"]) == ("V23", "outcome")
    reasons = "公益性が認められない"
    assert post("head", "decision", {"outcome": "non_conforming", "reasons": reasons}).json()["events"] == ["ScreeningDecided"]
    assert post("coordinator", "notice", {}).json()["events"] == ["NumberIssued", "ResultNotified"]
    notice = http(PROPOSER, "GET", f"/cases/{CASE}").json()["notice"]
    assert (notice["form"], notice["failed"], notice["reasons"]) == ("11", [4], reasons)
    assert post(PROPOSER, "contract-application").json()["field"] == "notice"


def test_another_digest_than_the_judged_one_is_refused(post, hear):
    hear(SUBMITTED)
    hear(COMPLETE)
    judge(post)
    refused = post("head", "decision", {"outcome": "conforming", "specification": "sha256:" + "b" * 64})
    assert (refused.status_code, refused.json()["rule"], refused.json()["field"]) == (422, "116", "specification")


def test_the_proposer_sees_the_notice_and_not_the_findings(http, post, hear):
    decided(post, hear)
    seen = http(PROPOSER, "GET", f"/cases/{CASE}").json()
    assert seen["status"] == "under_review"
    assert not {"findings", "decision", "cost", "proposal"} & set(seen)
    assert http("proposer-2:proposer", "GET", f"/cases/{CASE}").status_code == 404
    assert len(http(STAFF["head"], "GET", f"/cases/{CASE}").json()["findings"]) == 7


def test_typed_words_are_stored_and_told_only_sealed(desk, post, hear):
    decided(post, hear)
    for stored in desk.recorder.select_notifications(1, 1_000):
        assert "海原".encode() not in stored.state
        assert b"\\u6d77" not in stored.state


def test_an_unknown_case_and_another_tenant_s_are_not_found(http, post, hear):
    hear(SUBMITTED)
    assert post("owner", "findings", {"criterion": 1, "met": True, "reason": "x"}, UUID(int=77)).status_code == 404
    assert http("head-1:head:elsewhere", "GET", f"/cases/{CASE}").status_code == 404
    assert http("head-1:head:elsewhere", "GET", "/cases").json() == []


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("head", "findings"),
        ("head", "cost"),
        ("coordinator", "decision"),
        ("head", "notice"),
        ("head", "contract-application"),
        (PROPOSER, "contract"),
        ("auditor", "decision"),
        ("operator", "findings"),
    ],
)
def test_roles_are_kept_apart(post, who, path):
    assert post(who, path, {}).status_code == 403
