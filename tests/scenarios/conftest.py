"""The whole house as separate processes over real servers, once a session; both cases played once."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest

from anken.case_file import CaseFile, read_case_file
from anken.client import Office, wait_until_ready
from anken.demo import settled
from anken.history import Entry
from anken.play import CONFORMING, Play
from anken.sample import write_sample
from anken.stack import Stack
from contracts.catalog import CONFORMING_CASE, REFUSED_CASE
from services.chassis.clock import JST
from tests.scenarios.world import DAY, World, build_world
from tests.settled import settle

SAMPLE = Path(__file__).parents[2] / "deploy" / "anken" / "care_certification.yaml"


NAME = CONFORMING.name


def named(case_file: CaseFile) -> CaseFile:
    """Write the proposer's name into everything a proposer types."""
    wish = case_file.proposal
    typed = {field: f"{NAME}の{getattr(wish, field)}" for field in ("purpose", "business", "period_reason", "safeguards")}
    wanted = {item: f"{granularity}({NAME})" for item, granularity in wish.wanted.items()}
    return case_file.model_copy(update={"proposal": wish.model_copy(update={**typed, "wanted": wanted})})


@dataclass(slots=True)
class Played:
    """A running house in which both cases have been played to their ends."""

    stack: Stack
    office: Office
    play: Play
    case_file: CaseFile
    case: str
    refused: str
    fee: int
    bundle: Path
    token: str
    history: list[Entry]
    refused_history: list[Entry]
    said: list[tuple[date, str]] = field(default_factory=list)


@contextmanager
def paths_asked_for(office: Office) -> Iterator[list[str]]:
    """Give the paths of the requests sent meanwhile: a one-time token is told to nobody but who collects with it."""
    paths: list[str] = []
    office.http.event_hooks = {"request": [lambda request: paths.append(request.url.path)]}
    yield paths
    office.http.event_hooks = {}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="anken-test-"))
    with Stack(folder, private=True) as running:
        wait_until_ready(running.urls)
        yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def office(stack: Stack) -> Iterator[Office]:
    with Office(stack.urls, stack.issuer_folder) as people:
        yield people


@pytest.fixture(scope="session")
def played(stack: Stack, office: Office) -> Played:
    case_file = named(read_case_file(SAMPLE))
    said: list[tuple[date, str]] = []
    play = Play(office, case_file, datetime.now(JST).date(), lambda day, what: said.append((day, what)))
    source = stack.folder / "sample.csv"
    write_sample(source, case_file.register_entry.principal_count)
    play.reasons = {criterion: f"{NAME}については、{reason}" for criterion, reason in play.reasons.items()}
    case, refused, fee = play.to_the_extract(stack.vault, source)
    bundle = stack.folder / "extract.zip"
    with paths_asked_for(office) as paths:
        play.deliver(case, CONFORMING, bundle)
    (token,) = (path.removeprefix("/deliveries/") for path in paths if path.startswith("/deliveries/"))
    play.end_use()
    history, refused_history = settled(office, case, CONFORMING_CASE), settled(office, refused, REFUSED_CASE)
    return Played(stack, office, play, case_file, case, refused, fee, bundle, token, history, refused_history, said)


@pytest.fixture(scope="session")
def half_finished(stack: Stack, office: Office) -> World:
    return build_world(stack, office, read_case_file(SAMPLE))


@pytest.fixture(scope="module")
def world(half_finished: World) -> Iterator[World]:
    """Cases that wait at different points, on the business day on which they wait; the day is given back afterwards."""
    half_finished.play.at(DAY, "the cases wait")
    half_finished.settle()
    yield half_finished
    now = datetime.now(JST)
    half_finished.office.set_clock(now)
    settle(half_finished.stack.database_url, now.date())  # dates that came with it would still be answered in the next module
