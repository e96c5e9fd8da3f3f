"""The driver: plays rounds while faults strike, lets everything come to rest, and audits."""

import logging
import random
import threading
import time
import traceback
from collections import Counter as Tally
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from anken.case_file import read_case_file
from services.chassis.issuer import DevelopmentIssuer
from services.chassis.loop import AWAY
from tests.chaos.audit import Audit
from tests.chaos.cases import OVER, Round, Script, prepare
from tests.chaos.counter import Counter, GaveUp, Refusal
from tests.chaos.damage import Damage
from tests.chaos.faults import READY_SECONDS, strike
from tests.chaos.house import RESIDENTS, House
from tests.chaos.ledger import Kind, Ledger
from tests.chaos.schedule import Fault, Plan
from tests.chaos.side_load import SideLoad
from tests.settled import unsettled

SAMPLE: Final = Path(__file__).parents[2] / "deploy" / "anken" / "care_certification.yaml"
PATIENCE_SECONDS: Final = 180.0  # generous: a busy machine is no fault of the house
REST_SECONDS: Final = 180.0
RED_REST_SECONDS: Final = 10.0  # once a case could not be played, all that is left is to see what became of it
LOOK_SECONDS: Final = 0.2
TRICKLE_SECONDS: Final = 0.5
KINDS: Final[tuple[Kind, ...]] = ("conforming", "refused", "conforming", "refused")


@dataclass(slots=True)
class Run:
    """What a run has come to so far."""

    house: House
    ledger: Ledger = field(default_factory=Ledger)
    damage: Damage = field(default_factory=Damage)
    faults: Tally[Fault] = field(default_factory=Tally)
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def red(self) -> bool:
        """Tell whether anything has gone wrong that ends the run."""
        return self.damage.any or bool(self.failures) or bool(self.house.unexpected)


class Driver:
    """Plays one plan after the other on one house."""

    def __init__(self, run: Run) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        self.run = run
        self.house = run.house
        self.issuer = DevelopmentIssuer(self.house.secrets)
        self.case_file = read_case_file(SAMPLE)
        self.audit = Audit(self.house, run.ledger)
        self.deadline = time.monotonic() + PATIENCE_SECONDS
        with closing(self._counter(0)) as at:
            self.script: Script = prepare(self.house, at, self.case_file)
        self.load = SideLoad(self.house, run.ledger, self.case_file)

    def _counter(self, seed: int) -> Counter:
        return Counter(self.house, self.run.ledger, self.issuer, seed, lambda: self.deadline)

    def play(self, plan: Plan) -> str:
        """Play one round; gives its line of the ledger. What goes wrong is noted in the run."""
        begun = time.monotonic()
        self.struck: list[tuple[Fault, float]] = []
        self.deadline = begun + plan.longest + PATIENCE_SECONDS
        before = len(self.run.ledger.played)
        blows = [threading.Thread(target=self._strike, args=(plan, number)) for number in range(len(plan.blows))]
        people = threading.Thread(target=self._people, args=(plan,))
        trickle = threading.Thread(target=self._trickle, args=(people,))
        for thread in (people, trickle, *blows):
            thread.start()
        self._watch(blows)
        self._heal()
        healed = time.monotonic()
        self._watch([people, trickle])
        left = self._rest()
        recovery = time.monotonic() - healed
        self.run.slowest = max(self.run.slowest, recovery)
        if left:
            self.run.failures.append(f"round {plan.number} did not come to rest: {left}")
        damage = Damage()
        self.audit.compare(damage, trimmed=self._trimmed(plan))
        self._add(damage)
        self.house.audited = {owner: store.last for owner, store in self.audit.stores.items()}
        if left and not damage.any:
            self.run.damage.lose(f"round {plan.number}: {left}", sum(left.values()))
        struck = ", ".join(f"{fault} {seconds:.0f} s" for fault, seconds in self.struck)
        return (
            f"round {plan.number}: {len(self.run.ledger.played) - before} cases, {self.audit.events} events, {struck};"
            f" at rest {recovery:.1f} s after the last, whole round {time.monotonic() - begun:.1f} s"
        )

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_SECONDS)
                self.house.look()

    def finish(self) -> None:
        """Read everything again from the beginning, by fresh books."""
        damage = Damage()
        trimmed = self.house.sent_again
        Audit(self.house, self.run.ledger, trimmed).compare(damage, trimmed=frozenset(trimmed))
        self._add(damage)
        self.load.__exit__(None, None, None)

    def _trimmed(self, plan: Plan) -> frozenset[str]:
        return frozenset({"intake"}) if any(blow.fault is Fault.TOPIC_TRIMMED for blow in plan.blows) else frozenset()

    def _add(self, damage: Damage) -> None:
        total = self.run.damage
        total.lost += damage.lost
        total.doubled += damage.doubled
        total.misordered += damage.misordered
        total.differing += damage.differing
        total.lines += damage.lines

    def _strike(self, plan: Plan, number: int) -> None:
        blow = plan.blows[number]
        time.sleep(blow.at)
        self.run.faults[blow.fault] += 1
        begun = time.monotonic()
        try:
            strike(self.house, self.load, blow)
        except Exception:  # noqa: BLE001 - the run is red, and says why
            self.run.failures.append(f"round {plan.number}: {blow.fault}: {traceback.format_exc()}")
        self.struck.append((blow.fault, time.monotonic() - begun))

    def _trickle(self, people: threading.Thread) -> None:
        """Let intake say something all the time, so that whatever dies there has something in hand."""
        while people.is_alive():
            self.load.register(self.load.FEW)
            people.join(TRICKLE_SECONDS)

    def _people(self, plan: Plan) -> None:
        chance = random.Random(plan.seed)
        play = Round(plan.number, self.house, self.script, lambda seed: self._counter(plan.seed + seed), chance.getrandbits(32))
        try:
            with closing(self._counter(plan.seed)) as at:
                play.open_call(at)
            play.play(list(KINDS), list(plan.starts), time.sleep)
        except (GaveUp, Refusal) as error:
            self.run.failures.append(f"round {plan.number}: {type(error).__name__}: {error}")
        for played in play.played:
            self.run.ledger.finished(played)

    def _heal(self) -> None:
        """Have everything run again that a fault has left behind."""
        self.house.kafka.wait_ready(READY_SECONDS)
        self.house.revive(RESIDENTS)

    def _rest(self) -> dict[str, int]:
        """Wait until nothing is on its way; gives what still is when patience ends."""
        until = time.monotonic() + (RED_REST_SECONDS if self.run.failures else REST_SECONDS)
        left: dict[str, int] = {"database": 1}
        while left and time.monotonic() < until:
            self.house.look()
            try:
                with psycopg.connect(self.house.database_url(), autocommit=True) as connection:
                    left = unsettled(connection, self.script.moment(OVER).date())
            except AWAY:
                left = {"database": 1}
            if left:
                time.sleep(LOOK_SECONDS)
        return left
