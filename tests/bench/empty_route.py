"""Intake with one route more: authenticated like all others, and doing nothing."""

from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends

from services.chassis.actor import Acting
from services.chassis.process import serve_child
from services.chassis.service import Service
from services.chassis.settings import Settings, settings_for
from services.chassis.web import acting_as
from services.intake.service import compose

PATH: Final = "/empty"


def compose_with_empty_route(settings: Settings) -> Service:
    """Wire intake and the empty route."""
    service = compose(settings)
    routes = APIRouter()

    @routes.post(PATH)
    def answer(_: Annotated[Acting, Depends(acting_as("coordinator"))]) -> dict[str, str]:
        return {"done": "nothing"}

    service.routers = [*service.routers, routes]
    return service


def run_intake(given: Mapping[str, Any], log_file: str, told: Connection) -> None:
    """Serve it in this child, which tells its port."""
    serve_child(compose_with_empty_route, settings_for("intake", **given), log_file, told)
