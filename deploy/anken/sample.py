"""A fictional 介護保険要介護認定ファイル as an office would export it: CP932, CRLF, era dates, full-width digits, a few 外字."""

import csv
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

HEADER: Final = (
    "被保険者番号",
    "氏名",
    "生年月日",
    "性別",
    "住所",
    "認定年月日",
    "要介護度",
    "主治医意見書の疾病区分",
    "サービス種別",
    "利用月",
)
FULL_WIDTH: Final = str.maketrans("0123456789-", "０１２３４５６７８９－")
GAIJI: Final = ("\ue000", "\ue001", "\ue002")  # F040, F041, F042 in CP932: characters that only this office's fonts have
FAMILY_NAMES: Final = (
    "佐藤",
    "鈴木",
    "髙橋",
    "田中",
    "伊藤",
    "渡邉",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山﨑",
    "佐々木",
    "松本",
    "井上",
    "木村",
)
WOMEN: Final = ("和子", "幸子", "節子", "洋子", "弘子", "美代子", "久子", "京子", "ハル", "キヨ", "恵子", "トシ")
MEN: Final = ("清", "実", "勇", "茂", "博", "正", "昭", "進", "三郎", "弘", "一郎", "榮一")
TOWNS: Final = ("中央", "港町", "緑が丘", "若葉台", "汐見", "桜木", "北原", "南浜", "青葉", "東山", "西新田", "水神")
LEVELS: Final = ("要支援1", "要支援2", "要介護1", "要介護2", "要介護3", "要介護4", "要介護5")
DISEASES: Final = ("認知症", "脳血管疾患", "高齢による衰弱", "骨折・転倒", "関節疾患", "心疾患", "パーキンソン病", "その他")
SERVICES: Final = ("訪問介護", "訪問看護", "通所介護", "短期入所", "福祉用具貸与", "介護老人福祉施設", "利用なし")
ERAS: Final = (
    ("令和", "R", date(2019, 5, 1)),
    ("平成", "H", date(1989, 1, 8)),
    ("昭和", "S", date(1926, 12, 25)),
    ("大正", "T", date(1912, 7, 30)),
)
LAST_DAY: Final = date(2026, 9, 30)


class Home(NamedTuple):
    """One household: its name and address as every member's record carries them."""

    family_name: str
    address: str
    members: int


def write_sample(path: Path, people: int = 20_000, seed: int = 20_260_901) -> None:
    """Write the file with `people` records; equal seeds give equal bytes. Members of a household stand next to each other."""
    random = Random(seed)  # noqa: S311 - fictional people need a seed, not secrecy
    numbers = insured_numbers(random, people)
    with path.open("w", encoding="cp932", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(HEADER)
        written = 0
        while written < people:
            home = invent_home(random, min(2, people - written))
            for _ in range(home.members):
                writer.writerow((numbers[written], *invent_person(random, home)))
                written += 1


def insured_numbers(random: Random, people: int) -> list[str]:
    """Give distinct ten-digit numbers in the order of entry, as they are handed out."""
    steps = (random.randint(1, 9) for _ in range(people))
    numbers, last = [], 100_000_000
    for step in steps:
        last += step
        numbers.append(f"{last:010d}")
    return numbers


def invent_home(random: Random, most: int) -> Home:
    """Give a household of one or two insured persons."""
    block = f"{random.randint(1, 6)}丁目{random.randint(1, 40)}-{random.randint(1, 20)}"
    family_name = random.choice(FAMILY_NAMES)
    if random.random() < 0.002:  # noqa: PLR2004 - a few names in a thousand need a character of the office's own
        family_name += random.choice(GAIJI)
    return Home(family_name, f"みなと野市{random.choice(TOWNS)}{block.translate(FULL_WIDTH)}", min(most, random.choice((1, 1, 2))))


def invent_person(random: Random, home: Home) -> tuple[str, ...]:
    """Give the nine items after the number; every entering clerk wrote dates and digits in a way of their own."""
    woman = random.random() < 0.64  # noqa: PLR2004 - about the share of women among those certified
    age = min(104, max(40, round(random.gauss(83, 8.5))))
    born = LAST_DAY - timedelta(days=age * 365 + random.randint(0, 400))
    certified = LAST_DAY - timedelta(days=random.randint(30, 3 * 365))
    level = random.choices(LEVELS, (14, 14, 20, 17, 13, 12, 9))[0]
    month = LAST_DAY - timedelta(days=random.randint(0, 360))
    return (
        f"{home.family_name} {random.choice(WOMEN if woman else MEN)}",
        era_date(random, born),
        "女" if woman else "男",
        home.address,
        era_date(random, certified),
        level.translate(FULL_WIDTH) if random.random() < 0.5 else level,  # noqa: PLR2004 - either width, as typed
        random.choices(DISEASES, (23, 17, 14, 13, 11, 8, 5, 9))[0],
        random.choice(SERVICES),
        era_month(random, month),
    )


def era_of(day: date) -> tuple[str, str, int]:
    """Give an era's name, letter and year for a day."""
    for name, letter, first in ERAS:
        if day >= first:
            return name, letter, day.year - first.year + 1
    return "明治", "M", day.year - 1867


def era_date(random: Random, day: date) -> str:
    """Write a date in one of four office styles."""
    name, letter, year = era_of(day)
    match random.randrange(4):
        case 0:
            return f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
        case 1:
            return f"{name}{year}年{day.month}月{day.day}日".translate(FULL_WIDTH)
        case 2:
            return f"{letter}{year}.{day.month}.{day.day}"
        case _:
            return f"{letter}{year:02d}{day.month:02d}{day.day:02d}"


def era_month(random: Random, day: date) -> str:
    """Write a month in one of two office styles."""
    name, letter, year = era_of(day)
    return f"{name}{year}年{day.month}月".translate(FULL_WIDTH) if random.random() < 0.5 else f"{letter}{year}.{day.month}"  # noqa: PLR2004 - either style
