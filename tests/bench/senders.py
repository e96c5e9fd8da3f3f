"""Who sends in a round of `hop`, as a process: review's relay, or a bare producer with the same bytes in memory."""

import time
from multiprocessing.connection import Connection

from services.chassis.announcement import headers_of, key_of
from services.chassis.process import settle
from services.chassis.recorder import Datastore, Recorder
from services.chassis.relay import BATCH, Relay, make_producer
from tests.bench.measure import quiet
from tests.bench.track import Track


def run_relay(track: Track, told: Connection) -> None:
    """Relay whatever the store holds after the saved place, until told to stop; its producer is connected before."""
    quiet()
    recorder = make_recorder(track)
    relay = Relay(recorder, track.owner, track.bootstrap, track.prefix)
    relay.producer = make_producer(track.bootstrap)
    relay.producer.partitions_for(relay.topic)
    settle()
    relay.start()
    while not relay.leads:
        time.sleep(0.01)
    told.send("ready")
    told.recv()
    relay.stop()
    relay.join()
    recorder.store.close()


def run_producer(track: Track, told: Connection) -> None:
    """Send what the relay would send, batch by batch, one batch ahead of its acks as the relay is."""
    quiet()
    recorder = make_recorder(track)
    rows = recorder.select_outgoing(0, track.events)
    recorder.store.close()
    records = [(key_of(one), one.value, headers_of(one)) for one in rows]
    producer = make_producer(track.bootstrap)
    producer.partitions_for(track.topic)
    settle()
    told.send("ready")
    told.recv()
    flying = []
    for first in range(0, len(records), BATCH):
        sent = [producer.send(track.topic, key=key, value=value, headers=headers) for key, value, headers in records[first : first + BATCH]]
        for ack in flying:
            ack.get(60)
        flying = sent
    for ack in flying:
        ack.get(60)
    told.recv()
    producer.close(timeout=5)


def make_recorder(track: Track) -> Recorder:
    """Open the owner's store."""
    return Recorder(Datastore(track.urls[track.owner], track.owner, f"anken_{track.owner}"))
