"""The history of a case as a table: when, what, who, under which article, with the fee."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from anken.client import Office
from anken.data_folder import running
from anken.errors import Failed
from services.chassis.clock import JST

Entry = Mapping[str, Any]
WIDE: Final = 150
TOLD: Final = (
    "receipt_number",
    "criterion",
    "outcome",
    "notice_number",
    "total",
    "amount",
    "contract_number",
    "invoice_number",
    "records",
    "number",
)


def read_history(office: Office, case: str, as_of: str | None = None) -> list[Entry]:
    """Fetch a case's history from the case log; raises ProblemAnswered."""
    query = f"?as-of={quote(as_of, safe='')}" if as_of else ""
    answer: list[Entry] = office.call("auditor", "GET", "caselog", f"/cases/{quote(case, safe='')}/history{query}")["entries"]
    return answer


def history_table(entries: Sequence[Entry], title: str) -> Table:
    """Lay the entries out; what the case cites comes first, dim."""
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("#", "in effect (JST)", "event", "by", "article", "what"):
        table.add_column(heading, no_wrap=heading != "what", justify="right" if heading == "#" else "left")
    for place, entry in enumerate(entries, start=1):
        moment = datetime.fromisoformat(entry["time"]).astimezone(JST)
        table.add_row(
            str(place),
            moment.strftime("%Y-%m-%d %H:%M"),
            entry["name"],
            str(entry["actor"]),
            ", ".join(entry["articles"]),
            told(entry),
            style="dim" if entry["cited"] else None,
        )
    return table


def told(entry: Entry) -> str:
    """Say what is worth a cell: numbers, outcome, yen."""
    data = entry["data"] if isinstance(entry["data"], Mapping) else {}
    parts = [
        f"{name} {data[name]:,}" if isinstance(data[name], int) else f"{name} {data[name]}" for name in TOLD if data.get(name) is not None
    ]
    return ", ".join(parts)


def wide_console() -> Console:
    """Make a console that does not cut a table where there is no terminal to ask for its width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE, soft_wrap=True)


def print_history(case: str, *, as_of: str | None, as_json: bool, data: Path) -> int:
    """Print a case of the Anken that runs over a data folder."""
    where = running(data)
    if where is None:
        raise Failed(f"no Anken runs in {data.resolve()}: start one with `anken up --data {data}`")
    with Office({"caselog": where["caselog"]}, Path(where["secrets"])) as office:
        entries = read_history(office, case, as_of)
    if as_json:
        print(json.dumps(entries, ensure_ascii=False, indent=1))
    else:
        wide_console().print(history_table(entries, f"case {case}" + (f" as of {as_of}" if as_of else "")))
    return 0
