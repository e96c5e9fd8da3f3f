"""The kinds of value a contract event may hold, each with a hypothesis strategy; a field of any other kind has no strategy."""

from collections.abc import Iterator
from datetime import date
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from contracts.billing import Article
from contracts.catalog import Entry
from contracts.values import Code, ContractEvent, ContractValue, Count, Digest, EventId, Number, RecordedItem, SealedText, Yen

TEXTS: dict[Any, st.SearchStrategy[str]] = {
    Code: st.from_regex(r"\A[A-Za-z0-9_.:()\-]{1,64}\Z"),
    Number: st.from_regex(r"\A[A-Z0-9\-]{1,32}\Z"),
    Digest: st.from_regex(r"\Asha256:[0-9a-f]{64}\Z"),
    SealedText: st.from_regex(r"\Asealed:v1:[A-Za-z0-9_\-]{1,80}\Z"),
    RecordedItem: st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=120),
    Article: st.from_regex(r"\A[A-Za-z0-9 .()\-]{1,64}\Z"),
    EventId: st.uuids().map(str),
}
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Yen: st.integers(0, 2**53),
    Count: st.integers(0, 2**53),
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    date: st.dates(),
    UUID: st.uuids(),
    NoneType: st.none(),
}


class UnknownKind(LookupError):
    """A field of a contract whose kind nobody agreed on: free text, most likely."""


def strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Give values of a kind; raises UnknownKind."""
    if kind in TEXTS:
        return TEXTS[kind]
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) in {Union, UnionType}:
        return st.one_of([strategy(one) for one in get_args(kind)])
    if get_origin(kind) is tuple:
        return st.lists(strategy(get_args(kind)[0]), max_size=4).map(tuple)
    if isinstance(kind, type) and issubclass(kind, ContractValue):
        return st.builds(kind, **{name: strategy(one) for name, one in fields(kind).items()})
    raise UnknownKind(kind)


def fields(model: type[ContractValue]) -> dict[str, Any]:
    """Give a model's fields with the kinds they were written with."""
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def leaves(kind: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Walk down to the single values of a kind, each with its path."""
    if get_origin(kind) in {Union, UnionType, tuple}:
        for one in get_args(kind):
            if one is not Ellipsis:
                yield from leaves(one, path)
    elif isinstance(kind, type) and issubclass(kind, ContractValue):
        for name, one in fields(kind).items():
            yield from leaves(one, f"{path}.{name}")
    else:
        yield path, kind


def said(entry: Entry) -> st.SearchStrategy[ContractEvent]:
    """Give events of one type."""
    return strategy(entry.model)
