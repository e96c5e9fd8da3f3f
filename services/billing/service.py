"""Composition of billing: the only module that knows all the others."""

from typing import Final

from services.billing.announce import announce
from services.billing.api import router
from services.billing.due import DUE
from services.billing.reactions import REACTIONS
from services.billing.views import VIEWS
from services.chassis.room import OPENS, Room, furnish
from services.chassis.service import Service
from services.chassis.settings import Settings

ROOM: Final = Room(name="billing", reactions=REACTIONS, announce=announce, views=VIEWS, due=DUE, keyring_grant=OPENS)
STORE: Final = ROOM.store


def compose(settings: Settings) -> Service:
    """Wire the service from its settings; nothing is started."""
    return furnish(ROOM, settings, router)
