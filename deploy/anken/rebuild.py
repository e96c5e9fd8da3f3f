"""The verb `rebuild`: folds a view of a service anew while the service runs, and shows how far it has come."""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anken.errors import Failed
from anken.services import NAMES

if TYPE_CHECKING:
    from services.chassis.rebuild import Reached
    from services.chassis.views import View


def rebuild_view(wanted: str, database_url: Callable[[str], str]) -> None:
    """Fold the view `SERVICE/VIEW`, or `VIEW` where one service alone has it, anew and serve it; `database_url` knows each service's."""
    from services.chassis.rebuild import RebuildRunning, rebuild
    from services.chassis.recorder import Datastore, Recorder
    from services.chassis.rows import Rows

    service, view = find_view(wanted)
    datastore = Datastore(database_url(service), service, f"anken_{service}")
    with shown(f"{service}/{view.name}") as show:
        try:
            rebuild(Recorder(datastore), Rows(datastore), view, show)
        except RebuildRunning as error:
            raise Failed(str(error)) from None


def find_view(wanted: str) -> "tuple[str, View]":
    """Find a view by `SERVICE/VIEW` or by its name alone; fails with the names there are."""
    views: dict[str, tuple[str, View]] = {
        f"{service}/{view.name}": (service, view)
        for service in NAMES
        for view in getattr(getattr(importlib.import_module(f"services.{service}.service"), "ROOM", None), "views", ())
    }
    found = [name for name in views if wanted in (name, name.partition("/")[2])]
    if len(found) != 1:
        raise Failed(f"{'more than one' if found else 'no'} view {wanted}; there are {', '.join(sorted(views))}")
    return views[found[0]]


@contextmanager
def shown(name: str) -> "Iterator[Callable[[Reached], None]]":
    """Give what shows the progress: a bar on a terminal, elsewhere a line at each tenth; at the end, what was done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    begun, folded, tenths = time.monotonic(), 0, 0

    def rate() -> str:
        return f"{folded / max(time.monotonic() - begun, 0.001):,.0f}/s"

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(name, total=None, rate="")

        def show(reached: "Reached") -> None:
            nonlocal folded, tenths
            folded = reached.folded
            bar.update(task, completed=folded, total=reached.place or None, rate=rate())
            if bar.disable and (reached_tenths := 10 * folded // max(reached.place, 1)) > tenths:
                tenths = reached_tenths
                print(f"{name}: {folded:,} of {reached.place:,} events, {rate()}", flush=True)

        yield show
    print(f"{name}: {folded:,} events folded anew, the new rows are served")
