"""What a service counts and times while it works, in Prometheus' words; `docs/metrics.md` explains each one.

Distances (lag, ages, open letters) are not here: they are read from the store at each scrape, by any replica alike.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# It would be a second series beside each count and time, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # published so

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60)
COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

HTTP_REQUESTS: Final = Counter("anken_http_requests", "Requests answered, by route and status.", ["method", "route", "status"])
HTTP_SECONDS: Final = Histogram("anken_http_request_seconds", "Time to answer a request.", ["method", "route"], buckets=SECONDS)
EVENT_LOOP_LAG_SECONDS: Final = Histogram(
    "anken_event_loop_lag_seconds", "How much later than asked the event loop came back, measured twice a second.", buckets=SECONDS
)
LOG_LINES_SUPPRESSED: Final = Counter("anken_log_lines_suppressed", "Repeated log lines of libraries that were left out.", ["library"])

APPEND_SECONDS: Final = Histogram("anken_append_seconds", "Time of one append, lock and commit included.", buckets=SECONDS)
APPEND_REQUESTS: Final = Histogram("anken_append_requests", "Requests that shared one append's transaction.", buckets=COUNTS)
APPEND_EVENTS: Final = Counter("anken_append_events", "Events appended to the store.")
VERSION_CONFLICTS: Final = Counter("anken_version_conflicts", "Decisions made again because somebody else appended first.")

RELAY_LEADING: Final = Gauge("anken_relay_leading", "1 where this process holds the lead of its service's relay.")
RELAY_STALLED_SECONDS: Final = Gauge(
    "anken_relay_stalled_seconds", "How long the leading relay has waited for Kafka's acks; 0 when it flows."
)
RELAY_SENT: Final = Counter("anken_relay_sent_events", "Events sent to Kafka and acknowledged.")
RELAY_BATCH_EVENTS: Final = Histogram("anken_relay_batch_events", "Events in one relay batch.", buckets=COUNTS)

INBOX_PARTITIONS: Final = Gauge("anken_inbox_partitions", "Partitions assigned to this replica's consumer.")
INBOX_RECORDS: Final = Counter(
    "anken_inbox_records", "Records read, by owner and outcome: taken, known, hole, unreadable.", ["owner", "outcome"]
)
INBOX_BATCH_SECONDS: Final = Histogram("anken_inbox_batch_seconds", "Time to take one batch, waits included.", buckets=SECONDS)
INBOX_BATCH_RECORDS: Final = Histogram("anken_inbox_batch_records", "Records in one batch.", buckets=COUNTS)
INBOX_HOLES: Final = Gauge("anken_inbox_holes", "Partitions that wait for a missing record, by owner.", ["owner"])
INBOX_RETRIES: Final = Counter("anken_inbox_retries", "Batches tried again because a server was away.")
INBOX_COMMITS_REFUSED: Final = Counter("anken_inbox_commits_refused", "Offset commits that Kafka refused, as after a rebalance.")

REACTIONS: Final = Counter(
    "anken_reactions", "Records reacted to, by event type and outcome: taken, or the letter's cause.", ["type", "outcome"]
)
DEAD_LETTERS: Final = Counter("anken_dead_letters", "Records that became dead letters, by owner and cause.", ["owner", "cause"])

PROJECTED_EVENTS: Final = Counter("anken_projected_events", "Events folded into views.")
DATES_ANSWERED: Final = Counter(
    "anken_dates_answered", "Due dates answered, by kind and outcome: taken, refused, failed.", ["kind", "outcome"]
)
