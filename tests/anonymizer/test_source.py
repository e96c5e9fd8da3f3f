"""A source file is decoded and parsed strictly, or refused without a word of its content."""

import pytest

from services.anonymizer.decoding import CHUNK, DecodedFile
from services.chassis.events import Refused

SECRET = "秘密太郎"


def refused(run, source, document, **options):
    with pytest.raises(Refused) as refusal:
        run(source, document, **options)
    assert SECRET not in refusal.value.message
    assert SECRET not in refusal.value.field
    return refusal.value


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "iso2022_jp", "utf-8"])
def test_every_declared_encoding_is_read(run, document, people, encoding):
    document["input"]["encoding"] = encoding
    assert run(people.encode(encoding), document).records_read == 40


def test_a_byte_order_mark_is_no_part_of_the_header(run, document, people):
    assert run(b"\xef\xbb\xbf" + people.encode(), document).records_read == 40


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(run, document, people, ending):
    assert run(people.replace("\n", ending), document).records_read == 40


def test_undecodable_bytes_are_refused_with_byte_and_line(run, document, people):
    source = people.encode() + f"9999,{SECRET}".encode() + b"\xff\n"
    refusal = refused(run, source, document)
    assert (refusal.rule, refusal.field) == ("116", "input.encoding")
    assert refusal.message == f"byte {len(source) - 2} on line 42 is not utf-8"


def test_a_character_cut_off_at_the_end_is_refused(run, document, people):
    document["input"]["encoding"] = "cp932"
    source = people.encode("cp932") + b"\x8b"
    assert refused(run, source, document).message == f"byte {len(source) - 1} on line 42 is not cp932"


@pytest.mark.parametrize("shift", range(4))
def test_the_place_is_right_where_chunks_meet(tmp_path, shift):
    good = "あ" * (CHUNK // 3 + 10) + "\n"
    source = b"x" * shift + good.encode() + b"ab\xfe"
    file = tmp_path / "source.csv"
    file.write_bytes(source)
    with pytest.raises(Refused, match=f"byte {len(source) - 1} on line 2 is not utf-8"):
        list(DecodedFile(file, "utf-8").lines())


def test_lines_are_the_same_wherever_chunks_meet(tmp_path):
    text = "".join(f"{'あ' * (number % 50)}{number}\r\n" for number in range(60_000))
    file = tmp_path / "source.csv"
    file.write_bytes(text.encode("cp932"))
    decoded = DecodedFile(file, "cp932")
    assert list(decoded.lines()) == text.splitlines(keepends=True)
    assert decoded.bytes == file.stat().st_size


def test_a_nul_character_is_refused(run, document, people):
    refusal = refused(run, people + f"1,{SECRET}\0,男,60,甲\n", document)
    assert (refusal.rule, refusal.field) == ("116", "input.encoding")
    assert "line 42" in refusal.message


def test_gaiji_are_kept_and_counted(run, document, people):
    document["input"]["encoding"] = "cp932"
    source = people.encode("cp932").replace("架空".encode("cp932"), b"\xf0\x40\xf0\x41", 3).replace(b",60,\x8db", b",60,\xf0\x40")
    production = run(source, document)
    assert '"gaiji_characters":8' in production.report_file.read_text(encoding="utf-8")
    assert production.csv_file.read_text(encoding="utf-8").count("\ue000") == 2


def test_vendor_characters_and_circled_numbers_are_not_normalised(run, document, people):
    document["input"]["encoding"] = "cp932"
    production = run(people.replace(",甲", ",髙﨑㈱①\uff11").encode("cp932"), document)
    assert production.csv_file.read_text(encoding="utf-8").count("髙﨑㈱①\uff11") == 40


def test_a_column_absent_from_the_specification_is_refused_by_its_place(run, document, people):
    refusal = refused(run, people.replace("備考\n", f"備考,{SECRET}\n", 1), document)
    assert (refusal.rule, refusal.field) == ("V13", "input.header")
    assert "number 6" in refusal.message


def test_a_column_absent_from_the_file_is_refused_by_name(run, document, people):
    refusal = refused(run, people.replace("年齢", SECRET, 1), document)
    assert (refusal.rule, refusal.field) == ("V13", "columns.年齢")


@pytest.mark.parametrize(
    "header",
    ["番号,氏名,年齢,性別,備考\n", "番号,氏名,性別,年齢,備考,備考\n", '"番号,氏名,性別,年齢,備考\n', "番号,氏名,性別,年齢,備考\n\n"[:0]],
)
def test_another_header_is_refused(run, document, people, header):
    _, _, records = people.partition("\n")
    assert refused(run, header + records, document).rule == "V13"


def test_an_empty_file_is_refused(run, document):
    refusal = refused(run, "", document)
    assert (refusal.rule, refusal.field) == ("V13", "columns.番号")


RAGGED = [
    (f"1,{SECRET},男,60\n", "4 fields instead of 5"),
    (f"1,{SECRET},男,60,甲,乙\n", "6 fields instead of 5"),
    (f'1,"{SECRET}"x,男,60,甲\n', "quotes"),
    (f'1,"{SECRET},男,60,甲\n', "quotes"),
]


@pytest.mark.parametrize(("line", "reason"), RAGGED)
def test_a_ragged_record_is_refused_with_its_line(run, document, people, line, reason):
    refusal = refused(run, people + line, document)
    assert (refusal.rule, refusal.field) == ("116", "input.records")
    assert "line 42: " in refusal.message
    assert reason in refusal.message


def test_rejected_records_that_are_allowed_are_counted(run, document, people):
    document["input"]["max_rejected"] = 1
    production = run(people.replace("0003,", "0003,,", 1), document)
    assert (production.records_read, production.records_rejected, production.records) == (40, 1, 39)
    document["input"]["max_rejected"] = 0
    assert refused(run, people.replace("0003,", "0003,,", 1), document, out="other").message.startswith("1 records rejected, 0 allowed")


def test_line_breaks_and_quotes_inside_a_field_are_data(run, document, people):
    production = run(people.replace(",甲", ',"甲\r\n""乙"",丙"'), document)
    assert production.records == 40


def test_blank_lines_hold_no_record(run, document, people):
    production = run(people.replace("0007,", "\n0007,") + "\n\n", document)
    assert (production.records_read, production.records_rejected) == (40, 0)


def test_a_person_with_two_records_is_refused(run, document, people):
    document["input"]["person_key"] = "番号"
    refusal = refused(run, people.replace("0003,", "0002,", 1), document)
    assert (refusal.rule, refusal.field) == ("62", "input.person_key")
    assert refusal.message.startswith("1 records")


def test_a_record_without_its_persons_key_is_refused(run, document, people):
    document["input"]["person_key"] = "番号"
    assert refused(run, people.replace("0003,", ",", 1), document).field == "input.person_key"
