"""The broker's jars come with the right digest or not at all, and the error says what to do."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from anken import jars
from anken.jars import Jar, JarsUnavailable, fetch
from anken.loopback import reserve

CONTENT = b"a jar, as far as a digest can tell"
GOOD = Jar("jp.example", "tool", "1.0", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def mirror(tmp_path):
    """A Maven repository of one artifact on this machine."""
    root = tmp_path / "repository"
    artifact = root / "jp" / "example" / "tool" / "1.0" / "tool-1.0.jar"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(CONTENT)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(root))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield {"here": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
        thread.join()


@pytest.fixture
def closed():
    """A mirror whose port nobody listens on."""
    port = reserve()
    yield {"closed": f"http://127.0.0.1:{port.number}"}
    port.release()


def test_the_lock_names_each_jar_once():
    pinned = jars.pinned()
    assert len({jar.file_name for jar in pinned}) == len(pinned) == 46
    assert {len(jar.sha256) for jar in pinned} == {64}
    assert f"org.apache.kafka:kafka_2.13:{jars.KAFKA_VERSION}" in {jar.coordinate for jar in pinned}


def test_an_unreachable_mirror_is_named_with_the_artifact_and_the_way_out(tmp_path, closed, monkeypatch):
    monkeypatch.setattr(jars, "PAUSES", (0.01, 0.01))
    with pytest.raises(JarsUnavailable) as raised:
        fetch(tmp_path / "cache", closed)
    assert raised.value.artifact in {jar.coordinate for jar in jars.pinned()}
    for said in (raised.value.artifact, "ANKEN_KAFKA_BOOTSTRAP", closed["closed"]):
        assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_artifact_the_mirror_lacks_is_named(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (Jar("jp.example", "other", "1.0", GOOD.sha256),))
    with pytest.raises(JarsUnavailable, match=r"jp\.example:other:1\.0 .*not found at"):
        fetch(tmp_path / "cache", mirror)


def test_what_was_fetched_is_not_fetched_again(tmp_path, mirror, closed, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (GOOD,))
    fetched = fetch(tmp_path / "cache", mirror)
    assert [path.read_bytes() for path in fetched] == [CONTENT]
    assert fetch(tmp_path / "cache", closed) == fetched


def test_a_damaged_jar_is_fetched_again(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (GOOD,))
    (path,) = fetch(tmp_path / "cache", mirror)
    path.write_bytes(CONTENT[:-1])
    assert [path.read_bytes() for path in fetch(tmp_path / "cache", mirror)] == [CONTENT]


def test_a_jar_with_another_digest_is_refused_and_not_kept(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (Jar("jp.example", "tool", "1.0", "0" * 64),))
    with pytest.raises(JarsUnavailable, match="pinned SHA-256"):
        fetch(tmp_path / "cache", mirror)
    assert list((tmp_path / "cache").iterdir()) == []


def test_several_may_fetch_into_the_same_folder(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (GOOD,))
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda _: fetch(tmp_path / "cache", mirror), range(4)))
    assert [path.read_bytes() for paths in fetched for path in paths] == [CONTENT] * 4


def test_the_mirror_can_be_set_from_outside(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(jars, "pinned", lambda: (GOOD,))
    monkeypatch.setenv("ANKEN_MAVEN_URL", mirror["here"] + "/")
    assert [path.read_bytes() for path in fetch(tmp_path / "cache")] == [CONTENT]
