"""Which of the requests of a group are stored: a version that is taken costs only the request that wanted it."""

from collections.abc import Callable, Sequence

from services.chassis.append_rows import AppendRow

Stored = tuple[int | None, Sequence[int] | None]  # the first event's place; or which events are late, from 1 on, and nothing is stored


def append_requests(requests: Sequence[Sequence[AppendRow]], store: Callable[[Sequence[AppendRow]], Stored]) -> list[Sequence[int] | None]:
    """Give each request its places, or None where a version it wants is taken, in the store or by a request before it.

    What is late stays late, so the others can be stored without it by another call.
    """
    claimed: set[tuple[str, int]] = set()
    going: list[int] = []
    for number, request in enumerate(requests):
        before = len(claimed)
        claimed.update((row.stream, row.version) for row in request)
        if len(claimed) == before + len(request):
            going.append(number)
    answers: list[Sequence[int] | None] = [None if request else () for request in requests]
    while rows := [row for number in going for row in requests[number]]:
        place, late = store(rows)
        if place is not None:
            for number in going:
                answers[number] = range(place, place + len(requests[number]))
                place += len(requests[number])
            break
        asked = [number for number in going for _ in requests[number]]
        lost = {asked[nth - 1] for nth in late or ()}
        going = [number for number in going if number not in lost]
    return answers
