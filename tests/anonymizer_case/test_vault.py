"""The protected place is closed to others, and nothing can be named that lies outside it."""

import stat
import threading
from uuid import UUID

import pytest

from services.anonymizer.vault import Vault
from services.chassis.events import Refused

CASE = UUID(int=1)


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "vault")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_private(vault):
    vault.keep_specification(CASE, b"{}")
    vault.key(CASE)
    vault.sources("minatono")
    with vault.working_on(CASE):
        pass
    paths = [vault.folder, *vault.folder.rglob("*")]
    assert {mode(path) for path in paths if path.is_dir()} == {0o700}
    assert {mode(path) for path in paths if path.is_file()} == {0o600}


def test_an_open_folder_is_closed(tmp_path):
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o755)
    Vault(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize(
    "name", ["../care.csv", "..", ".", "", ".hidden", "a/b.csv", "/etc/passwd", "absent.csv", "folder", "link.csv", "a\nb"]
)
def test_only_a_source_file_of_the_tenant_can_be_named(vault, name):
    folder = vault.sources("minatono")
    (folder.parent / "care.csv").write_text("x")
    (folder / "folder").mkdir()
    (folder / "link.csv").symlink_to(folder.parent / "care.csv")
    with pytest.raises(Refused) as refused:
        vault.source("minatono", name)
    assert (refused.value.rule, refused.value.field) == ("116", "source")


def test_another_tenants_source_is_not_there(vault):
    (vault.sources("sakae") / "care.csv").write_text("x")
    with pytest.raises(Refused):
        vault.source("minatono", "care.csv")
    assert vault.source("sakae", "care.csv").read_text() == "x"


@pytest.mark.parametrize("tenant", ["..", "a/b", "", "."])
def test_a_tenants_name_leads_nowhere_else(vault, tenant):
    with pytest.raises(Refused):
        vault.sources(tenant)


def test_a_key_is_made_once_and_gone_for_good(vault):
    key = vault.key(CASE)
    assert len(key) == 32
    assert vault.key(CASE) == key
    assert vault.key(UUID(int=2)) != key
    vault.destroy_key(CASE)
    assert not (vault.folder / "keys" / str(CASE)).exists()
    vault.destroy_key(CASE)
    assert vault.key(CASE) != key


def test_a_key_is_overwritten_before_it_is_unlinked(vault):
    key = vault.key(CASE)
    other_name = vault.folder / "seen"
    other_name.hardlink_to(vault.folder / "keys" / str(CASE))
    vault.destroy_key(CASE)
    assert len(other_name.read_bytes()) == 32
    assert other_name.read_bytes() != key


def test_one_works_on_a_case_at_a_time(vault):
    entered = threading.Event()

    def wait_for_the_case():
        with vault.working_on(CASE):
            entered.set()

    other = threading.Thread(target=wait_for_the_case)
    with vault.working_on(CASE):
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(5)
    other.join()
