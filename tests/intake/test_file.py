"""Files and their register entry: V01, V03, V04, V35, and the digest of what is published."""

from datetime import date
from uuid import UUID

import pytest

from services.chassis.events import Refused
from services.intake.events import FileEligibilityAssessed, FileFlagged, FileOutlineEntered, FileRegistered
from services.intake.file import (
    CONDITIONS,
    FILE,
    AssessEligibility,
    ConditionFinding,
    EnterOutline,
    FlagFile,
    PersonalInfoFile,
    RegisterFile,
    assess,
    enter_outline,
    flag,
    register,
)
from services.intake.register import DatasetOutline, RegisterFields, Unit

FIELDS = RegisterFields(
    name="介護保険要介護認定ファイル",
    body_name="みなと野市長",
    unit="健康福祉局介護保険課",
    purpose="要介護認定及び給付の管理",
    recorded_items=("被保険者番号", "氏名", "要介護度"),
    population="要介護認定を申請した者",
    collection="本人からの申請",
    sensitive=True,
    regular_recipients=("国民健康保険団体連合会",),
    request_unit="市民局市民情報室",
    file_type="60-2-1",
    order21_7=False,
    ordinance_sensitive=False,
)
UNIT = Unit(name="市民局市民情報室", address="みなと野市中央1-1")
CASE = UUID(int=7)


def entering(people: int = 20_000, *, of_assembly: bool = False, fields: RegisterFields = FIELDS) -> RegisterFile:
    return RegisterFile(body="mayor", of_assembly=of_assembly, fields=fields, principal_count=people, min_principals=1_000)


def judging(*unmet: str, reason: str = "in the register", conditions: tuple[str, ...] = CONDITIONS) -> AssessEligibility:
    return AssessEligibility(findings=tuple(ConditionFinding(condition=one, met=one not in unmet, reason=reason) for one in conditions))


def registered(*, of_assembly: bool = False) -> PersonalInfoFile:
    return FILE.fold(register(FILE.initial, entering(of_assembly=of_assembly)))


def eligible(*, of_assembly: bool = False) -> PersonalInfoFile:
    file = registered(of_assembly=of_assembly)
    return FILE.fold(assess(file, judging()), file)


def flagged() -> PersonalInfoFile:
    file = eligible()
    return FILE.fold(flag(file, FlagFile(unit=UNIT)), file)


@pytest.mark.parametrize(("people", "enters"), [(0, False), (999, False), (1_000, True), (20_000, True)])
def test_only_files_of_a_thousand_people_enter_the_register(people, enters):
    if not enters:
        with pytest.raises(Refused) as refused:
            list(register(FILE.initial, entering(people)))
        assert (refused.value.rule, refused.value.field) == ("V01", "principal_count")
    else:
        (event,) = register(FILE.initial, entering(people))
        assert isinstance(event, FileRegistered)
        assert (event.version, event.principal_count) == (1, people)


def test_registering_again_the_same_says_nothing_and_other_particulars_are_refused():
    assert list(register(registered(), entering())) == []
    with pytest.raises(Refused, match="other particulars"):
        list(register(registered(), entering(30_000)))


@pytest.mark.parametrize("body", ["Yamada_Taro", "yamada.taro", "Mayor", "a" * 33, "mayor\n"])
def test_a_body_is_named_by_a_code_and_a_refused_one_is_not_repeated(body):
    with pytest.raises(Refused) as refused:
        list(register(FILE.initial, entering().model_copy(update={"body": body})))
    assert (refused.value.rule, refused.value.field) == ("75", "body")
    assert body.strip() not in refused.value.message


@pytest.mark.parametrize("body", ["mayor", "board-of-education", "ward-2", "a" * 32])
def test_a_code_of_lower_case_letters_digits_and_hyphens_names_a_body(body):
    (event,) = register(FILE.initial, entering().model_copy(update={"body": body}))
    assert isinstance(event, FileRegistered)
    assert event.body == body


def test_an_item_named_twice_is_refused():
    with pytest.raises(Refused, match="named twice") as refused:
        list(register(FILE.initial, entering(fields=FIELDS.model_copy(update={"recorded_items": ("氏名", "氏名")}))))
    assert refused.value.field == "recorded_items"


def test_a_file_that_meets_all_three_conditions_is_eligible():
    (event,) = assess(registered(), judging())
    assert isinstance(event, FileEligibilityAssessed)
    assert (event.eligible, event.met) == (True, CONDITIONS)
    assert list(assess(eligible(), judging())) == []


@pytest.mark.parametrize("command", [judging(conditions=CONDITIONS[:2]), judging(reason=" "), AssessEligibility(findings=())])
def test_a_judgement_without_three_reasoned_findings_is_refused(command):
    with pytest.raises(Refused) as refused:
        list(assess(registered(), command))
    assert refused.value.rule == "V03"


@pytest.mark.parametrize("unmet", CONDITIONS)
def test_one_unmet_condition_keeps_a_file_from_being_flagged(unmet):
    file = registered()
    file = FILE.fold(assess(file, judging(unmet)), file)
    with pytest.raises(Refused) as refused:
        list(flag(file, FlagFile(unit=UNIT)))
    assert (refused.value.rule, refused.value.field) == ("V03", "findings")
    assert unmet in refused.value.message


def test_a_file_never_assessed_is_not_flagged():
    with pytest.raises(Refused) as refused:
        list(flag(registered(), FlagFile(unit=UNIT)))
    assert refused.value.rule == "V03"


@pytest.mark.parametrize(("unit", "field"), [(Unit(name="", address="x"), "unit.name"), (Unit(name="x", address=" "), "unit.address")])
def test_the_flag_names_unit_and_address(unit, field):
    with pytest.raises(Refused) as refused:
        list(flag(eligible(), FlagFile(unit=unit)))
    assert (refused.value.rule, refused.value.field) == ("V04", field)


def test_files_of_an_assembly_are_not_flagged():
    with pytest.raises(Refused) as refused:
        list(flag(eligible(of_assembly=True), FlagFile(unit=UNIT)))
    assert (refused.value.rule, refused.value.field) == ("V35", "body")


def test_flagging_counts_the_version_and_digests_the_published_entry():
    (event,) = flag(eligible(), FlagFile(unit=UNIT))
    assert isinstance(event, FileFlagged)
    assert event.version == 2
    assert event.entry_digest == flagged().entry().digest() != eligible().entry_digest
    assert list(flag(flagged(), FlagFile(unit=UNIT))) == []


def test_an_assessment_of_a_flagged_file_is_refused():
    with pytest.raises(Refused) as refused:
        list(assess(flagged(), judging(CONDITIONS[2])))
    assert refused.value.rule == "110"


OUTLINE = DatasetOutline(
    case=CASE, principal_count=19_500, items=("要介護度",), unit=UNIT, reuse_from=date(2026, 12, 1), reuse_to=date(2029, 3, 31)
)


def test_an_outline_enters_the_entry_once_with_the_digest_that_is_announced():
    command = EnterOutline(outline=OUTLINE)
    (event,) = enter_outline(flagged(), command)
    after = FILE.fold([event], flagged())
    assert event == FileOutlineEntered(outline=OUTLINE, version=3, entry_digest=after.entry().digest())
    assert after.entry().datasets == (OUTLINE,)
    assert list(enter_outline(after, command)) == []


def test_a_second_outline_is_a_further_version():
    after = FILE.fold(enter_outline(flagged(), EnterOutline(outline=OUTLINE)), flagged())
    other = OUTLINE.model_copy(update={"case": UUID(int=8)})
    (event,) = enter_outline(after, EnterOutline(outline=other))
    assert (event.version, FILE.fold([event], after).datasets) == (4, (OUTLINE, other))
