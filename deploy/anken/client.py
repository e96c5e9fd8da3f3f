"""HTTP as a client of the services speaks it: tokens per role, problems as errors, waiting for what travels by events."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from anken.errors import Failed

T = TypeVar("T")

TENANT: Final = "minatono"
READY_SECONDS: Final = 60
PATIENCE_SECONDS: Final = 15
POLL_SECONDS: Final = 0.02
# Rules that another service's event, or a date, may still fulfil; every other refusal is final.
TRAVELLING: Final = frozenset({"75", "114", "115", "117", "119", "V09"})


class ProblemAnswered(Failed):
    """A service answered with a problem: which rule, which field."""

    def __init__(self, what: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{what}: {problem.get('detail')} (rule {problem.get('rule')}, field {problem.get('field')})")
        self.status = int(problem.get("status", 0))
        self.rule = str(problem.get("rule"))
        self.field = str(problem.get("field"))


class Office:
    """Everybody who plays a part in a case, each with an account and a role of their own."""

    def __init__(self, urls: Mapping[str, str], secrets: Path, tenant: str = TENANT) -> None:
        from services.chassis.issuer import DevelopmentIssuer

        self.urls = urls
        self.tenant = tenant
        self.issuer = DevelopmentIssuer(secrets)
        self.http = httpx.Client(timeout=60, trust_env=False)  # loopback: no proxy between

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()

    def token(self, role: str, account: str = "") -> str:
        """Mint a token for an account in a role; the account's default name is the role's."""
        return self.issuer.token(account or f"{role}-1", role, tenant=self.tenant)

    def call(self, role: str, method: str, service: str, path: str, body: object = None, account: str = "") -> Any:  # noqa: ANN401 - JSON
        """Make one request in a role; gives the JSON answer, raises ProblemAnswered."""
        response = self.send(role, method, service, path, body, account)
        return response.json() if response.content else None

    def send(self, role: str, method: str, service: str, path: str, body: object = None, account: str = "") -> httpx.Response:
        """Make one request in a role; gives the response, raises ProblemAnswered."""
        headers = {"Authorization": f"Bearer {self.token(role, account)}"}
        response = self.http.request(method, self.urls[service] + path, json=body, headers=headers)
        if response.is_error:
            raise ProblemAnswered(f"{method} {service} {path}", _problem(response))
        return response

    def post_text(self, role: str, service: str, path: str, text: str) -> Any:  # noqa: ANN401 - JSON
        """Post YAML text in a role; gives the JSON answer, raises ProblemAnswered."""
        headers = {"Authorization": f"Bearer {self.token(role)}", "Content-Type": "application/yaml"}
        response = self.http.post(self.urls[service] + path, content=text.encode(), headers=headers)
        if response.is_error:
            raise ProblemAnswered(f"POST {service} {path}", _problem(response))
        return response.json()

    def not_yet(self, service: str, field: str) -> ProblemAnswered:
        """Make the problem of something that is still on its way, for `patiently`."""
        return ProblemAnswered(service, {"status": 404, "detail": "not there yet", "rule": "exists", "field": field})

    def set_clock(self, moment: datetime) -> None:
        """Let every service's business clock go on from a moment."""
        for service in self.urls:
            self.call("operator", "PUT", service, "/development/clock", {"now": moment.isoformat()})


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"status": response.status_code, "detail": f"HTTP {response.status_code}"}


def patiently(attempt: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Try until what the request needs has travelled: another service's event may still be on its way."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except ProblemAnswered as problem:
            travelling = problem.status in {404, 503} or (problem.status == httpx.codes.UNPROCESSABLE_ENTITY and problem.rule in TRAVELLING)
            if not travelling or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def wait_until_ready(urls: Mapping[str, str], seconds: float = READY_SECONDS) -> None:
    """Wait until every service consumes and relays; raises Failed naming what is missing."""
    deadline = time.monotonic() + seconds
    with httpx.Client(timeout=5, trust_env=False) as http:
        for service, url in urls.items():
            while (missing := _missing(http, url)) is not None:
                if time.monotonic() > deadline:
                    raise Failed(f"{service} is not ready after {seconds:.0f} s: {missing}")
                time.sleep(POLL_SECONDS)


def _missing(http: httpx.Client, url: str) -> str | None:
    try:
        response = http.get(f"{url}/readyz")
    except httpx.TransportError as error:
        return str(error)
    return None if response.status_code == httpx.codes.OK else ", ".join(response.json()["missing"])


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Measure: the function given tells the seconds since the start."""
    begun = time.perf_counter()
    yield lambda: time.perf_counter() - begun
