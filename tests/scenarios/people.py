"""Small source files of fictional people, all in one class unless a test wants otherwise."""

import csv
import io

from anken.sample import HEADER

PERSON = ("架空 花子", "昭和20年4月1日", "女", "みなと野市中央1-1", "令和5年4月1日", "要介護1", "認知症", "訪問介護", "令和5年4月")


def people(count: int, **odd: str) -> list[dict[str, str]]:
    """Give so many people in one class; `odd` changes the last one."""
    rows = [dict(zip(HEADER, (f"{number:010d}", *PERSON), strict=True)) for number in range(count)]
    rows[-1] |= odd
    return rows


def written(rows: list[dict[str, str]]) -> bytes:
    """Write a file as the office exports it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("cp932")


def without(column: str) -> bytes:
    return written([{name: value for name, value in row.items() if name != column} for row in people(1200)])


def scattered(count: int) -> list[dict[str, str]]:
    """Give people of whom no ten look alike."""
    return [
        {
            **row,
            "被保険者番号": f"9{number:09d}",
            "生年月日": f"昭和{6 + number % 28}年4月1日",
            "認定年月日": f"令和{2 + number % 3}年4月1日",
        }
        for number, row in enumerate(people(count))
    ]
