"""Composition of the anonymizer: the only module that knows all the others."""

from functools import partial
from typing import Final

from services.anonymizer.announce import announce
from services.anonymizer.api import router
from services.anonymizer.reactions import REACTIONS
from services.anonymizer.vault import Vault
from services.anonymizer.views import VIEWS
from services.chassis.room import NO_GRANT, Room, furnish
from services.chassis.service import Service
from services.chassis.settings import Settings

ROOM: Final = Room(name="anonymizer", reactions=REACTIONS, announce=announce, views=VIEWS, due=None, keyring_grant=NO_GRANT)
STORE: Final = ROOM.store


def compose(settings: Settings) -> Service:
    """Wire the service from its settings; nothing is started. Raises RuntimeError without a protected place."""
    if settings.vault is None:
        message = "ANKEN_VAULT is not set: the anonymizer needs a protected place"
        raise RuntimeError(message)
    return furnish(ROOM, settings, partial(router, vault=Vault(settings.vault)))
