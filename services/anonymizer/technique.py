"""What may be done to one column: drop, generalise, cap or keep, as plain data (techniques of the PPC guideline, table 2)."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints

from services.chassis.events import Refused, Value

RULE_62 = "62"  # Rule 62 of the PPC, the processing standard; the place to change how a refusal names it
Label = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Bound(Value):
    """An absolute end of a scale: what lies beyond `at` is published under one label (top and bottom coding)."""

    at: int
    label: Label


class Drop(Value):
    """項目削除: the column is absent from the extract."""

    kind: Literal["drop"]
    reason: Reason


class Keep(Value):
    """The values are published as they are; only for columns that do not identify a person by themselves."""

    kind: Literal["keep"]
    reason: Reason


class Scale(Value):
    """Numbers or years with an optional end on either side: below `bottom.at`, and from `top.at` on."""

    bottom: Bound | None = None
    top: Bound | None = None


class Cap(Scale):
    """トップ/ボトムコーディング: numbers below `bottom.at` and from `top.at` on become labels, those between stay."""

    kind: Literal["cap"]


class Categories(Value):
    """Category and the values it stands for; every value belongs to exactly one."""

    kind: Literal["generalise"]
    categories: dict[Label, tuple[Label, ...]]

    @property
    def category_of(self) -> dict[str, str]:
        """Give value → category."""
        return {value: category for category, values in self.categories.items() for value in values}


class ByMapping(Categories):
    """一般化: each value is replaced by its category; the table must cover every value of the file."""

    by: Literal["mapping"]


class ByBeginning(Categories):
    """一般化: a value is replaced by the category of the longest listed beginning (an address by its district)."""

    by: Literal["beginning"]


class ByPrefix(Value):
    """一般化: only the first characters stay (a postal or classification code)."""

    kind: Literal["generalise"]
    by: Literal["prefix"]
    characters: Annotated[int, Field(ge=1, le=100)]


class ByBand(Scale):
    """一般化: numbers become bands `lower-upper` of equal width counted from the origin."""

    kind: Literal["generalise"]
    by: Literal["band"]
    width: Annotated[int, Field(ge=2)]
    origin: int = 0


class ByDate(Scale):
    """一般化: dates, western or of the Japanese eras, become years, months or runs of years; ends are years.

    A date written past the end of its era (平成31年5月1日) still names one day; an impossible one (平成元年1月7日) names none.
    """

    kind: Literal["generalise"]
    by: Literal["date"]
    to: Literal["year", "year_month", "five_years", "ten_years"]
    era_overrun: Literal["accept", "refuse"] = "refuse"
    impossible: Literal["null", "refuse"] = "refuse"


Generalise = Annotated[ByMapping | ByBeginning | ByPrefix | ByBand | ByDate, Discriminator("by")]
Technique = Annotated[Drop | Keep | Cap | Generalise, Discriminator("kind")]


def refuse_unfit(field: str, technique: Technique) -> None:
    """Refuse ends that cross, a cap without ends, an empty table, and a value that stands in two categories."""
    if isinstance(technique, Scale) and technique.bottom and technique.top and technique.bottom.at > technique.top.at:
        raise Refused(RULE_62, f"{field}.bottom", f"the bottom {technique.bottom.at} lies above the top {technique.top.at}")
    if isinstance(technique, Cap) and not (technique.top or technique.bottom):
        raise Refused(RULE_62, field, "a cap has a top or a bottom")
    if isinstance(technique, Categories):
        values = [value for values in technique.categories.values() for value in values]
        if not values:
            raise Refused(RULE_62, f"{field}.categories", "a generalisation names at least one value")
        if len(values) != len(set(values)):
            raise Refused(RULE_62, f"{field}.categories", f"{len(values) - len(set(values))} values stand in more than one category")
