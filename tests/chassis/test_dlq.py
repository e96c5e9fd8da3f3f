"""The verbs of `anken dlq`: what an operator sees and may do, in whose name, and one readable line for what cannot be done."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from anken import dlq
from anken.__main__ import main
from services.chassis.dead_letters import Cause
from services.chassis.desk import Desk
from services.chassis.kept_letters import State
from services.chassis.received import RawRecord
from services.chassis.replaying import Replaying
from services.chassis.settings import Settings
from tests.chassis.till_inbox import ENDED, Breakable, Source, TillInbox, ids
from tests.conftest import Database

pytestmark = pytest.mark.slow

Answer = tuple[int, str, str]


@pytest.fixture
def breakable() -> Breakable:
    return Breakable()


@pytest.fixture
def till_inbox(desk: Desk, breakable: Breakable) -> TillInbox:
    return TillInbox(desk, breakable)


class Operator:
    """Gives the command's verbs; the till's reactions stand in for intake's."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.logged: list[tuple[str, int, str]] = []

    def __call__(self, *arguments: object) -> Answer:
        self.capsys.readouterr()
        with capture_logs() as lines:
            try:
                code = main(["dlq", *map(str, arguments)])
            except SystemExit as wrong:
                code = int(wrong.code or 0)
        self.logged = [(one["event"], one["letter"], one["actor"]) for one in lines if "letter" in one]
        told = self.capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def operator(
    database: Database, settings: Settings, till_inbox: TillInbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setenv("ANKEN_DATABASE_URL", database.url())
    monkeypatch.setenv("ANKEN_KEY_FILE", str(settings.key_file))
    monkeypatch.setattr(dlq, "_log_as", lambda service: None)  # the tests' own logging stays as it is

    @contextmanager
    def replaying(service: str, data: Path) -> Iterator[Replaying]:
        yield till_inbox.replaying

    monkeypatch.setattr(dlq, "_replaying", replaying)
    return Operator(capsys)


def test_open_letters_are_listed_and_closed_ones_on_demand(operator: Operator, till_inbox: TillInbox, breakable: Breakable):
    till, review = uuid4(), Source()
    breakable.tills = {till}
    till_inbox.inbox.handle([RawRecord("anken.review.v1", 3, 0, None, b"?", []), review.says(ENDED, till), review.says(ENDED, till)])
    code, told, _ = operator("list", "intake")
    lines = told.splitlines()
    assert (code, len(lines), lines[-1]) == (0, 4, "3 open letters, 1 parked case")
    assert [cause in line for cause, line in zip(("unreadable", "failed", "parked"), lines, strict=False)] == [True] * 3
    assert f"case {till}" in lines[1]
    breakable.tills = set()
    till_inbox.replay(till)
    assert operator("list", "intake")[1].splitlines()[-1] == "1 open letter, 0 parked cases"
    every = json.loads(operator("list", "intake", "--state", "all", "--json")[1])
    assert [(one["state"], one["actor"]) for one in every] == [("open", None), ("replayed", "operator-1"), ("replayed", "operator-1")]


def test_a_letter_is_shown_without_its_content_unless_that_is_asked_for(operator: Operator, till_inbox: TillInbox, breakable: Breakable):
    till = uuid4()
    breakable.tills = {till}
    till_inbox.inbox.handle([Source().says(ENDED, till), RawRecord("anken.review.v1", 3, 9, None, b"a secret", [("x", b"another")])])
    unreadable, failed = till_inbox.letters()  # what cannot be read is kept before the batch is decided
    shown = json.loads(operator("show", "intake", failed.letter, "--json")[1])
    assert (shown["cause"], shown["stack"], shown["envelope"]["subject"]) == ("failed", failed.stack, str(till))
    assert "value" not in shown
    for form in ((), ("--json",)):
        bare, whole = (operator("show", "intake", unreadable.letter, *form, *more)[1] for more in ((), ("--payload",)))
        assert [text in bare for text in ("a secret", "another")] == [False, False]
        assert [text in whole for text in ("a secret", "another")] == [True, True]
    code, _, error = operator("show", "intake", 10**9)
    assert (code, error) == (1, f"anken: intake has no letter {10**9}\n")


def test_a_replay_of_all_goes_on_with_the_next_case_where_one_fails_again(operator: Operator, till_inbox: TillInbox, breakable: Breakable):
    sick, well, review = uuid4(), uuid4(), Source()
    breakable.tills = {sick, well}
    records = [review.says(ENDED, till) for till in (sick, well, sick, well)]
    till_inbox.inbox.handle(records)
    breakable.tills = {sick}
    code, told, error = operator("replay", "intake", "--all", "--actor", "operator-7")
    first = till_inbox.letters()[0]
    assert (code, told.count("replayed, 1 event")) == (1, 2)
    assert error.splitlines()[-1].startswith(f"anken: 2 letters replayed, stopped at letter {first.letter}: failed again: Broken")
    assert till_inbox.notes(well) == ids([records[1], records[3]])
    breakable.tills = set()
    assert operator("replay", "intake", "--letter", first.letter, "--actor", "operator-7")[0] == 0
    code, told, error = operator("replay", "intake", "--case", sick, "--actor", "operator-7")
    assert (code, told.splitlines()[-1], error) == (0, "1 letter replayed", "")
    assert [(event, actor) for event, _, actor in operator.logged] == [("letter replayed", "operator-7")]
    assert till_inbox.notes(sick) == ids([records[0], records[2]])
    assert {one.actor for one in till_inbox.letters(State.REPLAYED)} == {"operator-7"}


def test_who_drops_says_who_and_why(operator: Operator, till_inbox: TillInbox, breakable: Breakable):
    till, review = uuid4(), Source()
    breakable.tills = {till}
    till_inbox.inbox.handle([review.says(ENDED, till) for _ in range(3)])
    first = till_inbox.letters()[0].letter
    for arguments, code in [
        (("drop", "intake", "--letter", first), 2),
        (("drop", "intake", "--letter", first, "--actor", "operator-7"), 2),
        (("drop", "intake", "--letter", first, "--actor", "operator-7", "--reason", " "), 1),
        (("drop", "intake", "--letter", first, "--actor", "", "--reason", "done by hand"), 1),
        (("drop", "intake", "--letter", first, "--actor", "Head of office", "--reason", "done by hand"), 1),
        (("drop", "intake", "--actor", "operator-7", "--reason", "done by hand"), 2),
        (("replay", "intake", "--all"), 2),
        (("replay", "intake", "--all", "--actor", " "), 1),
    ]:
        assert operator(*arguments)[0] == code, arguments
    assert len(till_inbox.letters()) == 3
    why = ("--actor", "operator-7", "--reason", "done by hand")
    assert operator("drop", "intake", "--letter", first, *why)[:2] == (0, f"letter {first}: dropped\n")
    assert operator.logged == [("letter dropped", first, "operator-7")]
    assert till_inbox.parked(till) == {till}
    assert operator("drop", "intake", "--case", till, *why)[0] == 0
    assert till_inbox.parked(till) == set()
    assert {(one.actor, one.remark) for one in till_inbox.letters(State.DROPPED)} == {("operator-7", "done by hand")}
    assert operator("drop", "intake", "--case", till, *why) == (1, "", f"anken: intake has no open letter of case {till}\n")


def test_the_case_log_replays_nothing_and_says_why(operator: Operator):
    code, _, error = operator("replay", "caselog", "--all", "--actor", "operator-7")
    assert (code, error.count("\n"), "left out for good" in error) == (1, 1, True)
    assert operator("list", "caselog") == (0, "0 open letters, 0 parked cases\n", "")


def test_what_cannot_be_replayed_is_one_line(operator: Operator, till_inbox: TillInbox, monkeypatch: pytest.MonkeyPatch):
    case = uuid4()
    actor = ("--actor", "operator-7")
    assert operator("replay", "intake", "--case", case, *actor)[2] == f"anken: intake has no open letter of case {case}\n"
    assert "letter 1000000: there is none of this number" in operator("replay", "intake", "--letter", 1_000_000, *actor)[2]
    monkeypatch.setenv("ANKEN_DATABASE_URL", "postgresql://anken@127.0.0.1:1/anken?connect_timeout=2")
    code, _, error = operator("list", "intake")
    assert (code, error.count("\n"), error[:15]) == (1, 1, "anken: psycopg:")


def test_a_service_without_its_key_file_replays_nothing(
    database: Database, till_inbox: TillInbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    till = uuid4()
    till_inbox.breakable.tills = {till}
    till_inbox.inbox.handle([Source().says(ENDED, till)])
    monkeypatch.setenv("ANKEN_DATABASE_URL", database.url())
    monkeypatch.delenv("ANKEN_KEY_FILE", raising=False)
    monkeypatch.setattr(dlq, "_log_as", lambda service: None)
    code, _, error = Operator(capsys)("replay", "intake", "--case", till, "--actor", "operator-7")
    assert (code, error) == (1, "anken: ANKEN_KEY_FILE is not set\n")
    assert [one.cause for one in till_inbox.letters()] == [Cause.FAILED]
