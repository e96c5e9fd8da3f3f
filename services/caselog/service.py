"""The case log's composition: the only place where its parts are wired together."""

from typing import Final

from contracts.topics import OWNERS
from services.caselog.api import routes
from services.caselog.history import Histories
from services.caselog.listener import CaseLogListener
from services.caselog.missing import MissingList
from services.caselog.waiting import DISTANCES
from services.chassis.backlog import LETTERS
from services.chassis.clock import clock_of
from services.chassis.dead_letters import KafkaDeadLetters
from services.chassis.migrate import Store
from services.chassis.recorder import Datastore
from services.chassis.service import Service
from services.chassis.settings import Settings

STORE: Final = Store("caselog", "services.caselog.migrations", "case_log", keyring_grant="SELECT")


def compose(settings: Settings) -> Service:
    """Wire the case log: it hears every owner, announces nothing and has no dates, so nothing turns beside its inbox."""
    datastore = Datastore(settings.database_url.get_secret_value(), STORE.schema, settings.role)
    dead_letters = KafkaDeadLetters(STORE.schema, settings.kafka_bootstrap, settings.topic_prefix)
    return Service(
        settings=settings,
        store=STORE,
        pool=datastore.pool,
        distances=(*DISTANCES, *LETTERS),
        clock=clock_of(settings),
        routers=[routes(Histories(datastore), MissingList(datastore))],
        loops=[],
        listener=CaseLogListener(datastore, dead_letters),
        hears=OWNERS,
        close=datastore.close,
    )
