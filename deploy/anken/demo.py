"""`anken demo`: a whole case and a refused one on real servers, printed as their histories."""

import csv
import io
import json
import logging
import shutil
import signal
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from anken import processes
from anken.case_file import CaseFile, read_case_file
from anken.client import Office, ProblemAnswered, patiently, wait_until_ready
from anken.data_folder import DataFolder
from anken.errors import Failed
from anken.history import Entry, history_table, read_history, wide_console
from anken.play import CONFORMING, Play
from anken.stack import Stack
from anken.up import reachable
from contracts.catalog import CONFORMING_CASE, REFUSED_CASE
from services.chassis.clock import JST

SAMPLE: Final = "care_certification.yaml"


def demo(source: Path | None, spec: Path | None, *, keep: bool, data: Path | None) -> int:
    """Run both cases; gives 0 when every event of the contract's order came. Raises Failed with one readable line."""
    if (source is None) != (spec is None):
        raise Failed(f"--input and --spec go together (rule together, field {'input' if source is None else 'spec'})")
    if source is not None and not source.is_file():
        raise Failed(f"--input: {source} is not a file (rule exists, field input)")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    console = wide_console()
    with ExitStack() as stack:
        case_file = read_case_file(spec or stack.enter_context(as_file(files("anken").joinpath(SAMPLE))))
        processes.warm_up()
        folder = stack.enter_context(DataFolder(data or Path("anken-data")) if keep or data else DataFolder.temporary())
        console.print(f"PostgreSQL, Apache Kafka and five services start in {folder.path} …")
        with ThreadPoolExecutor(1, "sample") as beside:
            found = beside.submit(lambda: source or sample(folder.path / "sample.csv", case_file))
            running = stack.enter_context(Stack(folder.path, private=not (keep or data)))
            wait_until_ready(running.urls)
            file = found.result()
        folder.record(reachable(running))
        console.print(f"ready after {seconds_since_start():.1f} s")
        office = stack.enter_context(Office(running.urls, running.issuer_folder))
        if keep or data:
            out = folder.path / "extract"
            out.mkdir(exist_ok=True)
            return perform(console, office, running.vault, case_file, file, out)
        out = Path(tempfile.mkdtemp(prefix="anken-extract-"))
        unfinished = stack.enter_context(ExitStack())
        unfinished.callback(shutil.rmtree, out)
        code = perform(console, office, running.vault, case_file, file, out)
        unfinished.pop_all()
        return code


def seconds_since_start() -> float:
    """Give the age of this process: imports count too."""
    return time.time() - psutil.Process().create_time()


def sample(path: Path, case_file: CaseFile) -> Path:
    """Write the fictional file of people that the sample register entry speaks of, in a process beside the servers' start."""
    from anken.sample import write_sample

    processes.in_child(write_sample, path, case_file.register_entry.principal_count)
    return path


def perform(console: Console, office: Office, vault: Path, case_file: CaseFile, source: Path, out: Path) -> int:
    """Play both cases and print what the case log says of them."""

    def say(day: date, what: str) -> None:
        console.print(f"  {day}  {what}")

    play = Play(office, case_file, datetime.now(JST).date(), say)
    case, refused, fee = play.to_the_extract(vault, source)
    bundle = out / "extract.zip"
    play.deliver(case, CONFORMING, bundle)
    play.end_use()
    entries = settled(office, case, CONFORMING_CASE)
    refused_entries = settled(office, refused, REFUSED_CASE)
    (out / "report.json").write_bytes(play.report(case))
    (out / "history.json").write_text(json.dumps(entries, ensure_ascii=False, indent=1), "utf-8")
    smallest = recount(bundle, out, case_file.quasi_names)
    console.print(history_table(entries, f"conforming case {case}"))
    console.print(history_table(refused_entries, f"refused case {refused}"))
    console.print(f"extract  {out / 'extract.csv'} and extract.parquet, as the proposer received them in extract.zip")
    console.print(f"report   {out / 'report.json'}, which stays with the office (Art. 121(2))")
    counts = f"events={len(told_order(entries))} refused={len(told_order(refused_entries))}"
    print(f"demo {counts} fee={fee} k={case_file.k} smallest={smallest} seconds={seconds_since_start():.1f}", flush=True)
    return 0 if smallest >= case_file.k else 1


def told_order(entries: Sequence[Entry]) -> list[str]:
    """Give the kebab names of the contract's order in a history: the case's own events and the call's opening it cites."""
    names = [entry["type"].split(".")[3] for entry in entries if not entry["cited"]]
    opened = [entry["type"].split(".")[3] for entry in entries if entry["cited"] and entry["type"].split(".")[3] == CONFORMING_CASE[0]]
    return opened + names


def settled(office: Office, case: str, order: Sequence[str]) -> list[Entry]:
    """Wait until the case log holds exactly the events of the contract's order; raises Failed naming the difference."""

    def complete() -> list[Entry]:
        entries = read_history(office, case)
        if Counter(told_order(entries)) != Counter(order):
            raise office.not_yet("caselog", "history")
        return entries

    try:
        return patiently(complete)
    except ProblemAnswered:
        found = Counter(told_order(read_history(office, case)))
        missing, extra = Counter(order) - found, found - Counter(order)
        raise Failed(f"the history of {case} lacks {sorted(missing.elements())} and has besides {sorted(extra.elements())}") from None


def recount(bundle: Path, out: Path, quasi: Sequence[str]) -> int:
    """Unpack what was delivered and count the smallest class in the written CSV, independently of the engine."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(out)
    text = (out / "extract.csv").read_text("utf-8")
    classes = Counter(tuple(row[name] for name in quasi) for row in csv.DictReader(io.StringIO(text)))
    return min(classes.values())
