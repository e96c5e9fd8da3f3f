"""The ledger as it is printed at the end of a run, and what makes a run red."""

from typing import Final

from tests.chaos.driver import Run
from tests.chaos.schedule import Fault

LEAST_CASES: Final = 3
KILLS: Final = (Fault.SERVICE_KILLED, Fault.RELAY_KILLED, Fault.BROKER_KILLED, Fault.POSTGRES_KILLED, Fault.BATCH_CUT, Fault.RELAY_CUT)


def reasons(run: Run, rounds: int) -> list[str]:
    """Give what makes the run red; nothing if it is green."""
    found = [*run.failures, *run.house.unexpected]
    if run.damage.any:
        found.append(run.damage.shown())
    if len(run.ledger.played) < LEAST_CASES * rounds:
        found.append(f"{len(run.ledger.played)} finished cases, at least {LEAST_CASES * rounds} were wanted")
    if sum(run.faults[kind] for kind in KILLS) < rounds:
        found.append(f"{sum(run.faults[kind] for kind in KILLS)} kills in {rounds} rounds: the house was hardly disturbed")
    return found


def print_ledger(run: Run, rounds: int, events: int, seconds: float) -> None:
    """Print the run's ledger; the last line says what was lost, doubled and misordered."""
    ledger = run.ledger
    for fault in Fault:
        print(f"{fault}: {run.faults[fault]}")
    print(f"batches cut with records left: {sum(1 for left in run.house.cuts if left)} of {len(run.house.cuts)}")
    print(f"finished cases: {len(ledger.played)}, {sum(1 for one in ledger.played if one.kind == 'conforming')} of them conforming")
    print(f"events: {events}, acknowledged to the driver: {sum(len(one.events) for one in ledger.acknowledged)}")
    print(f"requests: {ledger.tries}, answers lost: {ledger.lost_answers}, problems: {dict(ledger.problems)}")
    print(f"unexpected exits: {len(run.house.unexpected)}")
    print(f"slowest recovery: {run.slowest:.1f} s; whole run: {seconds:.0f} s")
    for reason in reasons(run, rounds):
        print(f"RED: {reason}")
    print(f"chaos rounds={rounds} lost={run.damage.lost} doubled={run.damage.doubled} misordered={run.damage.misordered}", flush=True)
