"""given what was heard and done, when somebody asks for the next step, then events or a refusal."""

from functools import reduce
from uuid import UUID

import pytest

from services.anonymizer.delivery import (
    AcknowledgeDelivery,
    CollectDelivery,
    DeliverExtract,
    acknowledge,
    collect,
    deliver,
)
from services.anonymizer.events import (
    ContractNoted,
    DecisionNoted,
    DeliveryAcknowledged,
    DeliveryCollected,
    DeliveryReissued,
    ExtractDelivered,
    ExtractProduced,
    ExtractRejected,
    ExtractVerified,
    FileNoted,
    KeysDestroyed,
    ProcessingPlanned,
    ProposerNoted,
    RegisterNoted,
    SettlementNoted,
    SpecificationKept,
)
from services.anonymizer.extract import (
    DestroyKeys,
    Extract,
    PlanProcessing,
    RecordProduction,
    VerifyExtract,
    destroy_keys,
    evolve,
    plan,
    produce,
    verify,
)
from services.chassis.events import Refused

FILE, PARTY = UUID(int=3), UUID(int=2)


def digest(letter):
    return f"sha256:{letter * 64}"


SPEC, SOURCE, PARQUET, CSV, BUNDLE, TOKEN = (digest(letter) for letter in "abcdef")
ITEMS = ("年齢階級", "要介護度")
PROPOSER = ProposerNoted(account="acct-1")
DECIDED = DecisionNoted(outcome="conforming", specification=SPEC, file=FILE, party=PARTY, principal_count=1200)
PAID = SettlementNoted()
CONTRACT = ContractNoted(contract_number="C-1", party=PARTY, delivery_method="download")
REGISTERED = RegisterNoted(version=2)
PLANNED = ProcessingPlanned(specification=SPEC, file=FILE, source=SOURCE, source_name="care.csv", k=5)
DONE = {
    "specification": SPEC,
    "source": SOURCE,
    "engine": "duckdb-2.0.0",
    "records_read": 1500,
    "records_drawn": 1200,
    "records_suppressed": 3,
    "records": 1197,
    "items": ITEMS,
    "k": 5,
    "smallest_before": 1,
    "smallest": 7,
    "parquet": PARQUET,
    "csv": CSV,
    "report": digest("0"),
    "key_fingerprint": digest("1"),
    "producer": "maker",
}
PRODUCED = ExtractProduced(**DONE)
COUNTED = {"checker": "checker", "records": 1197, "items": ITEMS, "smallest": 7, "parquet": PARQUET, "csv": CSV, "fault": None}
VERIFIED = ExtractVerified(checker="checker", records=1197, items=ITEMS, smallest=7, parquet=PARQUET, csv=CSV)
DESTROYED = KeysDestroyed(fingerprints=(digest("1"),))
DELIVERED = ExtractDelivered(party=PARTY, method="download", parquet=PARQUET, csv=CSV, bundle=BUNDLE, token=TOKEN)
COLLECTED = DeliveryCollected(token=TOKEN)
READY = (DECIDED, PAID, CONTRACT)
MADE = (PROPOSER, *READY, PLANNED, PRODUCED, VERIFIED, DESTROYED, REGISTERED)
KEPT = SpecificationKept(digest=SPEC, k=5, columns=("氏名", "年齢"), items=ITEMS)
ENTRY = FileNoted(recorded_items=("氏名", "年齢", "住所"))


def given(*events):
    return reduce(evolve, events, Extract())


def without(*left_out):
    return given(*(event for event in MADE if event not in left_out))


def planning(**changed):
    return PlanProcessing(**({"specification": SPEC, "kept": KEPT, "entry": ENTRY, "source": SOURCE, "source_name": "care.csv"} | changed))


def refused(decisions):
    with pytest.raises(Refused) as found:
        list(decisions)
    return found.value.rule, found.value.field


def test_the_decided_specification_is_bound_to_the_source():
    assert [*plan(given(*READY), planning())] == [PLANNED]


def test_the_same_plan_again_changes_nothing():
    assert [*plan(given(*READY, PLANNED), planning())] == []


def test_another_source_may_be_planned_until_the_extract_is_produced():
    other = planning(source=digest("9"))
    assert [*plan(given(*READY, PLANNED), other)] == [PLANNED.model_copy(update={"source": digest("9")})]
    assert refused(plan(given(*READY, PLANNED, PRODUCED), other)) == ("116", "source")


@pytest.mark.parametrize(
    ("known", "command", "rule", "field"),
    [
        ((PAID, CONTRACT), planning(), "114", "outcome"),
        ((DECIDED.model_copy(update={"outcome": "non_conforming"}), PAID, CONTRACT), planning(), "114", "outcome"),
        (READY, planning(specification=digest("9")), "116", "specification"),
        ((DECIDED, CONTRACT), planning(), "119", "fee"),
        ((DECIDED, PAID), planning(), "115", "contract"),
        (READY, planning(kept=None), "116", "specification"),
        (READY, planning(entry=None), "75", "file"),
        (READY, planning(entry=FileNoted(recorded_items=("氏名",))), "V13", "columns.年齢"),
    ],
)
def test_nothing_else_is_planned(known, command, rule, field):
    assert refused(plan(given(*known), command)) == (rule, field)


def test_the_planned_extract_is_recorded_once():
    assert [*produce(given(*READY, PLANNED), RecordProduction(**DONE))] == [PRODUCED]
    again = RecordProduction(**DONE | {"parquet": digest("9")})
    assert [*produce(given(*READY, PLANNED, PRODUCED), again)] == []


@pytest.mark.parametrize(
    ("known", "changed", "rule", "field"),
    [
        (READY, {}, "116", "plan"),
        ((*READY, PLANNED), {"specification": digest("9")}, "116", "specification"),
        ((*READY, PLANNED), {"source": digest("9")}, "116", "source"),
        ((*READY, PLANNED), {"smallest": 4}, "62", "risk.k"),
        ((*READY, PLANNED), {"records": 1201}, "112", "records"),
        ((DECIDED.model_copy(update={"principal_count": 1196}), PAID, CONTRACT, PLANNED), {}, "112", "records"),
    ],
)
def test_what_was_not_planned_is_not_recorded(known, changed, rule, field):
    assert refused(produce(given(*known), RecordProduction(**DONE | changed))) == (rule, field)


def test_a_second_person_verifies():
    made = given(*READY, PLANNED, PRODUCED)
    assert [*verify(made, VerifyExtract(**COUNTED))] == [VERIFIED]
    assert [*verify(evolve(made, VERIFIED), VerifyExtract(**COUNTED))] == []


def test_nobody_checks_their_own_work():
    assert refused(verify(given(*READY, PLANNED, PRODUCED), VerifyExtract(**COUNTED | {"checker": "maker"}))) == ("V34", "checker")


def test_nothing_is_verified_before_it_is_produced():
    assert refused(verify(given(*READY, PLANNED), VerifyExtract(**COUNTED))) == ("116", "extract")


@pytest.mark.parametrize(
    ("changed", "rule", "field"),
    [
        ({"parquet": digest("9")}, "116", "parquet"),
        ({"csv": digest("9")}, "116", "csv"),
        ({"records": 1196}, "116", "records"),
        ({"items": ("年齢階級",)}, "116", "items"),
        ({"smallest": 4}, "62", "smallest"),
        ({"fault": ("62", "output.phone")}, "62", "output.phone"),
    ],
)
def test_a_recount_that_disagrees_rejects_the_extract(changed, rule, field):
    made = given(*READY, PLANNED, PRODUCED)
    [event] = verify(made, VerifyExtract(**COUNTED | changed))
    assert event == ExtractRejected(rule=rule, field=field, checker="checker")
    assert refused(destroy_keys(evolve(made, event), DestroyKeys())) == ("V31", "keys")


def test_a_rejected_extract_is_produced_again_and_all_keys_are_named():
    rejected = ExtractRejected(rule="116", field="csv", checker="checker")
    again = RecordProduction(**DONE | {"key_fingerprint": digest("2")})
    history = (*READY, PLANNED, PRODUCED, rejected)
    [event] = produce(given(*history), again)
    assert [*destroy_keys(given(*history, event, VERIFIED), DestroyKeys())] == [KeysDestroyed(fingerprints=(digest("1"), digest("2")))]


def test_keys_are_destroyed_once_and_only_after_verification():
    assert refused(destroy_keys(given(*READY, PLANNED, PRODUCED), DestroyKeys())) == ("V31", "keys")
    assert [*destroy_keys(without(DESTROYED), DestroyKeys())] == [DESTROYED]
    assert [*destroy_keys(given(*MADE), DestroyKeys())] == []


def test_delivery_once_all_is_done():
    assert [*deliver(given(*MADE), DeliverExtract(token=TOKEN, bundle=BUNDLE))] == [DELIVERED]


@pytest.mark.parametrize(
    ("missing", "rule", "field"),
    [
        ((CONTRACT,), "V29", "contract"),
        ((PAID,), "V29", "fee"),
        ((PRODUCED, VERIFIED, DESTROYED), "116", "extract"),
        ((VERIFIED, DESTROYED), "116", "extract"),
        ((DESTROYED,), "V31", "keys"),
        ((REGISTERED,), "117", "register"),
    ],
)
def test_nothing_is_delivered_while_anything_is_missing(missing, rule, field):
    assert refused(deliver(without(*missing), DeliverExtract(token=TOKEN, bundle=BUNDLE))) == (rule, field)


def test_nothing_is_delivered_under_another_partys_contract():
    other = CONTRACT.model_copy(update={"party": UUID(int=8)})
    assert refused(deliver(evolve(given(*MADE), other), DeliverExtract(token=TOKEN, bundle=BUNDLE))) == ("115", "party")


def test_a_token_opens_once():
    delivered = given(*MADE, DELIVERED)
    command = CollectDelivery(account="acct-1", token=TOKEN)
    assert [*collect(delivered, command)] == [COLLECTED]
    assert refused(collect(evolve(delivered, COLLECTED), command)) == ("109", "token")


def test_a_fresh_token_takes_the_old_one_away():
    delivered = given(*MADE, DELIVERED)
    [event] = deliver(delivered, DeliverExtract(token=digest("9"), bundle=BUNDLE))
    assert event == DeliveryReissued(token=digest("9"))
    reissued = evolve(delivered, event)
    assert refused(collect(reissued, CollectDelivery(account="acct-1", token=TOKEN))) == ("109", "token")
    assert [*collect(reissued, CollectDelivery(account="acct-1", token=digest("9")))] == [DeliveryCollected(token=digest("9"))]


def test_nothing_is_handed_to_a_stranger():
    assert refused(collect(given(*MADE, DELIVERED), CollectDelivery(account="acct-2", token=TOKEN))) == ("109", "account")
    received = AcknowledgeDelivery(account="acct-2", received=BUNDLE)
    assert refused(acknowledge(given(*MADE, DELIVERED, COLLECTED), received)) == ("109", "account")


@pytest.mark.parametrize("received", [BUNDLE, PARQUET, CSV])
def test_the_digest_of_what_arrived_acknowledges(received):
    collected = given(*MADE, DELIVERED, COLLECTED)
    command = AcknowledgeDelivery(account="acct-1", received=received)
    [event] = acknowledge(collected, command)
    assert event == DeliveryAcknowledged(received=received)
    assert [*acknowledge(evolve(collected, event), command)] == []


def test_another_digest_acknowledges_nothing():
    collected = given(*MADE, DELIVERED, COLLECTED)
    assert refused(acknowledge(collected, AcknowledgeDelivery(account="acct-1", received=SOURCE))) == ("109", "received")


def test_nothing_is_acknowledged_before_it_was_collected():
    assert refused(acknowledge(given(*MADE, DELIVERED), AcknowledgeDelivery(account="acct-1", received=BUNDLE))) == ("109", "delivery")


def test_what_was_acknowledged_is_not_delivered_again():
    done = given(*MADE, DELIVERED, COLLECTED, DeliveryAcknowledged(received=BUNDLE))
    assert refused(deliver(done, DeliverExtract(token=digest("9"), bundle=BUNDLE))) == ("109", "delivery")
