"""What a case that was played to its end leaves in the four stores: each step once, each reaction to another service's event once."""

from collections.abc import Mapping
from typing import Final

from contracts.catalog import CONFORMING_CASE, REFUSED_CASE
from tests.chaos.ledger import Kind

REFUSED: Final[Mapping[str, int]] = {
    "intake.ProposalSubmitted": 1,
    "intake.ProposalFoundComplete": 1,
    "intake.DecisionNoted": 1,
    "review.ProposalNoted": 1,
    "review.CompletenessNoted": 1,
    "review.ScreeningStarted": 1,
    "review.CriterionFound": 7,
    "review.ScreeningDecided": 1,
    "review.ResultNotified": 1,
    "billing.ProposerNoted": 1,
    "billing.OutcomeNoted": 1,
    "anonymizer.ProposerNoted": 1,
    "anonymizer.DecisionNoted": 1,
}
CONFORMING: Final[Mapping[str, int]] = {
    **REFUSED,
    "intake.ExtractNoted": 1,
    "intake.StageNoted": 6,
    "intake.RegisterUpdated": 1,
    "review.CostEstimated": 1,
    "review.FeeNoted": 1,
    "review.ContractApplied": 1,
    "review.PaymentNoted": 1,
    "review.ContractConcluded": 1,
    "review.UseEnded": 1,
    "billing.FeeEstimated": 1,
    "billing.ApplicationNoted": 1,
    "billing.FeeInvoiced": 1,
    "billing.FeePaid": 1,
    "anonymizer.SettlementNoted": 1,
    "anonymizer.ContractNoted": 1,
    "anonymizer.ProcessingPlanned": 1,
    "anonymizer.ExtractProduced": 1,
    "anonymizer.ExtractVerified": 1,
    "anonymizer.KeysDestroyed": 1,
    "anonymizer.RegisterNoted": 1,
    "anonymizer.ExtractDelivered": 1,
    "anonymizer.DeliveryAcknowledged": 1,
}
EFFECTS: Final[Mapping[Kind, Mapping[str, int]]] = {"conforming": CONFORMING, "refused": REFUSED}
# A token whose answer was lost is used up or never known: another one is asked for, so these come as often as answers are lost.
AT_WILL: Final = frozenset({"anonymizer.DeliveryReissued", "anonymizer.DeliveryCollected"})
# The call's opening stands in the call's own chain.
HISTORIES: Final[Mapping[Kind, tuple[str, ...]]] = {"conforming": CONFORMING_CASE[1:], "refused": REFUSED_CASE[1:]}
