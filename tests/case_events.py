"""What the services announce of one case that ends well; a test changes what it is about."""

from datetime import date
from uuid import UUID

from contracts import anonymizer, billing, intake, review

CASE, PARTY, FILE, CALL = (UUID(int=n) for n in range(1, 5))
DIGEST, SPECIFICATION = f"sha256:{'0' * 64}", f"sha256:{'a' * 64}"
SEALED = "sealed:v1:AAAA"
RECORDED_ITEMS = ("氏名", "年齢", "要介護度")
PUBLISHED_ITEMS = ("年齢階級", "要介護度")
FEE = 52_600
RECEIVED, NOTIFIED, DUE, CONCLUDED = date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 30), date(2026, 9, 20)
USE_FROM, USE_TO = date(2026, 10, 1), date(2026, 11, 1)


def file_registered(**changed):
    entry = {"body": "mayor", "version": 1, "principal_count": 20_000, "recorded_items": RECORDED_ITEMS, "entry_digest": DIGEST}
    return intake.FileRegistered(**entry | changed)


def proposal_submitted(**changed):
    proposal = {
        "receipt_number": "R8-0001",
        "kind": "NEW",
        "body": "mayor",
        "call": CALL,
        "call_event": UUID(int=5),
        "file": FILE,
        "file_event": UUID(int=6),
        "register_version": 2,
        "party": PARTY,
        "principal_count": 20_000,
        "file_principal_count": 20_000,
        "recorded_items": RECORDED_ITEMS,
        "wanted_items": ("年齢", "要介護度"),
        "granularity": SEALED,
        "proposer": SEALED,
        "address": SEALED,
        "representative": None,
        "purpose": SEALED,
        "business": SEALED,
        "use_from": USE_FROM,
        "use_to": USE_TO,
        "period_reason": SEALED,
        "safeguards": SEALED,
        "delivery_method": "optical_disc",
        "attachments": (),
        "received": RECEIVED,
    }
    return intake.ProposalSubmitted(**proposal | changed)


def proposal_found_complete():
    return intake.ProposalFoundComplete(checked=("pledge",))


def register_updated():
    return intake.RegisterUpdated(
        file=FILE,
        version=3,
        principal_count=20_000,
        items=PUBLISHED_ITEMS,
        reuse_from=date(2026, 12, 1),
        reuse_to=date(2029, 3, 31),
        entry_digest=DIGEST,
    )


def cost_estimated(**changed):
    cost = {"body": "mayor", "kind": "NEW", "party": PARTY, "dataset": None, "creation_minutes": 480, "outsourcing": 0}
    return review.CostEstimated(**cost | changed)


def screening_decided(**changed):
    decision = {
        "outcome": "conforming",
        "failed": (),
        "reasons": None,
        "specification": SPECIFICATION,
        "file": FILE,
        "party": PARTY,
        "principal_count": 20_000,
        "fee": FEE,
    }
    return review.ScreeningDecided(**decision | changed)


def contract_applied(**changed):
    application = {"party": PARTY, "notice_number": "R8-N0001", "fee": FEE, "payment_due": DUE, "applied": NOTIFIED}
    return review.ContractApplied(**application | changed)


def contract_concluded(**changed):
    contract = {
        "contract_number": "R8-C0001",
        "party": PARTY,
        "use_from": USE_FROM,
        "use_to": USE_TO,
        "delivery_method": "optical_disc",
        "concluded": CONCLUDED,
    }
    return review.ContractConcluded(**contract | changed)


def use_ended():
    return review.UseEnded(contract_number="R8-C0001", ended=USE_TO)


def fee_estimated(**changed):
    return billing.FeeEstimated(**{"schedule": "order-2023", "parts": (), "total": FEE} | changed)


def fee_invoiced():
    return billing.FeeInvoiced(invoice_number="F-R8-N0001", total=FEE, due=DUE)


def fee_paid(**changed):
    return billing.FeePaid(**{"amount": FEE, "received": CONCLUDED, "outstanding": 0} | changed)


def extract_produced():
    return anonymizer.ExtractProduced(
        specification=SPECIFICATION,
        engine="duckdb",
        records_read=20_000,
        records_drawn=20_000,
        records_suppressed=600,
        records=19_400,
        items=PUBLISHED_ITEMS,
        k=10,
        smallest_before=1,
        smallest=10,
        parquet=DIGEST,
        csv=DIGEST,
        report=DIGEST,
    )


def extract_verified():
    return anonymizer.ExtractVerified(records=19_400, items=PUBLISHED_ITEMS, smallest=10, parquet=DIGEST, csv=DIGEST)


def keys_destroyed():
    return anonymizer.KeysDestroyed(fingerprints=(DIGEST,))


def extract_delivered():
    return anonymizer.ExtractDelivered(party=PARTY, method="optical_disc", parquet=DIGEST, csv=DIGEST)


def delivery_acknowledged():
    return anonymizer.DeliveryAcknowledged(received=DIGEST)
