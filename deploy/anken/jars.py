"""The broker's jars: a pinned list, fetched once into the user's cache, every digest checked."""

import hashlib
import os
import tempfile
import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.1.1"
THREADS: Final = 8
PAUSES: Final = (0.3, 1.0)  # seconds before a second and a third attempt


class JarsUnavailable(Exception):
    """An artifact of the broker could not be had; `artifact` is its group:artifact:version."""

    def __init__(self, artifact: str, reason: str) -> None:
        self.artifact = artifact
        super().__init__(
            f"cannot get {artifact} for the embedded Apache Kafka: {reason}; set ANKEN_KAFKA_BOOTSTRAP to the address of a running broker, "
            "or ANKEN_MAVEN_URL to a mirror of Maven Central"
        )


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: where a jar comes from and the SHA-256 it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def is_at(self, path: Path) -> bool:
        """Tell whether the file is there and has the pinned digest."""
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def pinned() -> tuple[Jar, ...]:
    """Read the lock that ships with the package: the broker, its dependencies, and a silent slf4j binding."""
    jars = []
    for line in files("anken").joinpath("jars.lock").read_text().splitlines():
        coordinate, sha256 = line.split()
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def cache_folder() -> Path:
    """Give the user's folder for what is fetched or made once per broker version: $ANKEN_CACHE, else the XDG cache."""
    root = os.environ.get("ANKEN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anken"
    return Path(root).resolve() / f"kafka-{KAFKA_VERSION}"


def fetch(folder: Path, remote_repos: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Give the jars' paths, downloading with eight threads those that are missing or damaged.

    All 43 MB are hashed at every start, which takes 0.04 s. Several processes may fetch into the same folder: files come by atomic rename.
    `remote_repos` (name to URL) replaces Maven Central, and so does ANKEN_MAVEN_URL. Raises JarsUnavailable for a jar not to be had.
    """
    jars = pinned()
    missing = [jar for jar in jars if not jar.is_at(folder / jar.file_name)]
    if missing:
        _download(missing, folder, remote_repos or _mirror())
    return tuple(folder / jar.file_name for jar in jars)


def _mirror() -> Mapping[str, str] | None:
    url = os.environ.get("ANKEN_MAVEN_URL")
    return {"mirror": url.rstrip("/")} if url else None


def _download(jars: Iterable[Jar], folder: Path, remote_repos: Mapping[str, str] | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as part, ThreadPoolExecutor(THREADS) as pool:
        downloads = [pool.submit(_download_one, jar, Path(part), folder, remote_repos) for jar in jars]
        try:
            for download in downloads:
                download.result()
        except JarsUnavailable:
            pool.shutdown(cancel_futures=True)
            raise


def _download_one(jar: Jar, part: Path, folder: Path, remote_repos: Mapping[str, str] | None) -> None:
    from jgo.maven import MavenContext, PythonResolver
    from requests import RequestException

    for pause in (*PAUSES, None):
        with tempfile.TemporaryDirectory(dir=part) as fresh:  # jgo would take a half-loaded file of an earlier attempt for the artifact
            maven = MavenContext(
                resolver=PythonResolver(), repo_cache=Path(fresh), remote_repos=dict(remote_repos) if remote_repos else None
            )
            try:
                path = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
            except RequestException as error:
                if pause is None:
                    raise JarsUnavailable(jar.coordinate, f"{type(error).__name__} at {', '.join(maven.remote_repos.values())}") from error
                time.sleep(pause)
                continue
            except RuntimeError as error:
                traceback.clear_frames(error.__traceback__)  # they hold the answer that jgo left open
                raise JarsUnavailable(jar.coordinate, f"not found at {', '.join(maven.remote_repos.values())}") from error
            if not jar.is_at(path):
                raise JarsUnavailable(jar.coordinate, "the downloaded file does not have the pinned SHA-256")
            path.replace(folder / jar.file_name)
            return
