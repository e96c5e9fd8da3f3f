"""What the anonymizer keeps before any case needs it: specifications by digest, and register entries of source files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.anonymizer.events import FileNoted, SpecificationKept
from services.chassis.aggregate import Aggregate
from services.chassis.events import Command


@dataclass(frozen=True, slots=True)
class Kept:
    """One specification that lies in the protected place, as far as others may know it."""

    specification: SpecificationKept | None = None


def evolve_kept(_kept: Kept, event: SpecificationKept) -> Kept:
    """Fold one event over what was kept."""
    return Kept(event)


def specification_subject(tenant: str, digest: str) -> UUID:
    """Give the subject of a tenant's specification; the same text has one subject."""
    return uuid5(NAMESPACE_URL, f"urn:anken:anonymizer:specification:{tenant}:{digest}")


class KeepSpecification(Command):
    digest: str
    k: int
    columns: tuple[str, ...]
    items: tuple[str, ...]


def keep(kept: Kept, command: KeepSpecification) -> Iterator[SpecificationKept]:
    """Keep a specification; the same digest again is already kept."""
    if kept.specification is None:
        yield SpecificationKept(digest=command.digest, k=command.k, columns=command.columns, items=command.items)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The register entry of a file, once intake has told of it."""

    entry: FileNoted | None = None


def evolve_file(_file: SourceFile, event: FileNoted) -> SourceFile:
    """Fold one event over the entry."""
    return SourceFile(event)


class NoteFile(Command):
    recorded_items: tuple[str, ...]


def note_file(file: SourceFile, command: NoteFile) -> Iterator[FileNoted]:
    """Take in the register entry (Art. 75); the same entry again is already known."""
    noted = FileNoted(recorded_items=command.recorded_items)
    if noted != file.entry:
        yield noted


KEPT: Final = Aggregate("specification", Kept(), evolve_kept)
SOURCE: Final = Aggregate("source", SourceFile(), evolve_file)
