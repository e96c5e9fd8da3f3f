"""Composition of intake: the only module that knows all the others."""

from typing import Final

from services.chassis.room import MAKES_KEYS, Room, furnish
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.intake.announce import announce
from services.intake.api import router
from services.intake.due import DUE
from services.intake.reactions import REACTIONS
from services.intake.views import VIEWS

ROOM: Final = Room(name="intake", reactions=REACTIONS, announce=announce, views=VIEWS, due=DUE, keyring_grant=MAKES_KEYS)
STORE: Final = ROOM.store


def compose(settings: Settings) -> Service:
    """Wire the service from its settings; nothing is started."""
    return furnish(ROOM, settings, router)
