"""Load beside the cases: files registered at intake's own desk, many in one append, so that there are batches to be cut."""

import threading
import time
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from anken.case_file import CaseFile
from anken.client import TENANT
from services.chassis.actor import Acting
from services.chassis.aggregate import step
from services.chassis.clock import BusinessClock
from services.chassis.loop import AWAY
from services.chassis.room import make_desk
from services.chassis.settings import settings_for
from services.intake.file import FILE, RegisterFile, register
from services.intake.register import RegisterFields
from services.intake.service import ROOM
from tests.chaos.house import House
from tests.chaos.ledger import Ledger

OWNER: Final = Acting("owner-1", "owner", TENANT)
LEAST: Final = 1000
PATIENCE_SECONDS: Final = 60


class SideLoad:
    """Registers files until told otherwise; each attempt is files of its own, so that a lost answer doubts no later one."""

    FEW: Final = 3
    SOME: Final = 40
    MANY: Final = 600
    TOGETHER: Final = 50

    def __init__(self, house: House, ledger: Ledger, case_file: CaseFile) -> None:
        entry = case_file.register_entry
        self.house = house
        self.ledger = ledger
        self.fields = RegisterFields.model_validate(entry.fields, strict=False)
        self.body = entry.body
        self.count = entry.principal_count
        self._lock = threading.Lock()
        settings = settings_for("intake", database_url=house.database_url("anken_intake"), key_file=house.secrets / "keyring.key")
        self.desk, _, self._close = make_desk(ROOM, settings, BusinessClock())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def register(self, count: int) -> set[UUID]:
        """Have so many registrations acknowledged, and more attempted where PostgreSQL was away; gives the acknowledged files."""
        made: set[UUID] = set()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(made) < count and time.monotonic() < deadline:
            files = [self.desk.new_id() for _ in range(min(self.TOGETHER, count - len(made)))]
            command = RegisterFile(body=self.body, of_assembly=False, fields=self.fields, principal_count=self.count, min_principals=LEAST)
            try:
                with self._lock:
                    taken = self.desk.take(OWNER, *(step(FILE, file, register, command) for file in files))
            except AWAY:
                self.ledger.unanswered()
                time.sleep(0.3)
                continue
            self.ledger.told("intake", taken.model_dump(mode="json"))
            made.update(files)
        return made
