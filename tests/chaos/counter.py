"""The people's side of the counter: requests to whichever replica lives, repeated until an answer came.

Every command of the house says nothing new when it is repeated, so to repeat it is to look whether it was carried out.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from anken.client import TENANT, TRAVELLING
from services.chassis.issuer import DevelopmentIssuer
from tests.chaos.house import House
from tests.chaos.ledger import Ledger

ANSWER_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.15
WAITING: Final = frozenset({404, 409, 500, 503})


class GaveUp(Exception):
    """No answer within the round's patience."""


class Refusal(Exception):
    """A service refused a step for good: in this play that is a defect."""

    def __init__(self, what: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{what}: {problem.get('detail')} (rule {problem.get('rule')}, field {problem.get('field')})")
        self.rule = problem.get("rule")
        self.field = problem.get("field")


class Counter:
    """One person's counter, for one thread; `deadline` is the moment (monotonic) at which patience ends."""

    def __init__(self, house: House, ledger: Ledger, issuer: DevelopmentIssuer, seed: int, deadline: Callable[[], float]) -> None:
        self.house = house
        self.ledger = ledger
        self.issuer = issuer
        self.chance = random.Random(seed)
        self.deadline = deadline
        self.http = httpx.Client(timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS), trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def post(self, role: str, service: str, path: str, body: object = None, account: str = "") -> Any:
        """Have a command carried out; gives the answer. Raises Refusal or GaveUp."""
        answer = self.send(role, "POST", service, path, account, json=body).json()
        self.ledger.told(service, answer)
        return answer

    def get(self, role: str, service: str, path: str) -> Any:
        """Read something; gives the answer. Raises Refusal or GaveUp."""
        return self.send(role, "GET", service, path).json()

    def send(self, role: str, method: str, service: str, path: str, account: str = "", **content: object) -> httpx.Response:
        """Send a request until it is answered; raises Refusal or GaveUp."""
        what = f"{method} {service} {path.split('/')[1]}"
        while time.monotonic() < self.deadline():
            response = self._once(role, method, service, path, account, content)
            if response is not None:
                if not response.is_error:
                    return response
                problem = _problem(response)
                self.ledger.problem(f"{response.status_code} {problem.get('rule')}")
                travelling = response.status_code == httpx.codes.UNPROCESSABLE_ENTITY and problem.get("rule") in TRAVELLING
                if response.status_code not in WAITING and not travelling:
                    raise Refusal(what, problem)
            time.sleep(PAUSE_SECONDS * self.chance.uniform(0.5, 1.5))
        raise GaveUp(what)

    def _once(self, role: str, method: str, service: str, path: str, account: str, content: Mapping[str, Any]) -> httpx.Response | None:
        replicas = self.house.replicas(service)
        if not replicas:
            return None
        self.ledger.tried()
        token = self.issuer.token(account or f"{role}-1", role, tenant=TENANT)
        try:
            return self.http.request(
                method, self.house.url(self.chance.choice(replicas)) + path, headers={"Authorization": f"Bearer {token}"}, **content
            )
        except httpx.ConnectError:
            return None
        except httpx.TransportError:
            if method != "GET":
                self.ledger.unanswered()
            return None

    def wait_for(self, look: Callable[[], bool], what: str) -> None:
        """Look again and again until something is so; raises GaveUp."""
        while not look():
            if time.monotonic() > self.deadline():
                raise GaveUp(what)
            time.sleep(PAUSE_SECONDS)


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {"detail": f"HTTP {response.status_code}"}
    return found if isinstance(found, dict) else {}
