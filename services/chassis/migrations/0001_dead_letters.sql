-- What an inbox could not take, kept whole in the transaction that moved its place. An open letter with a subject parks that
-- subject's case: its later records become letters too, until an operator has replayed or dropped them all.
CREATE TABLE {schema}.dead_letter (
    letter bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    partition smallint NOT NULL,
    kafka_offset bigint NOT NULL,
    digest bytea NOT NULL,
    key bytea,
    value bytea,
    headers bytea NOT NULL,
    position bigint,
    subject uuid,
    event_id uuid,
    type text,
    tenant text,
    cause text NOT NULL,
    reason text NOT NULL,
    stack text,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dropped')),
    closed timestamptz,
    actor text,
    remark text,
    CHECK ((state = 'open') = (closed IS NULL) AND num_nulls(closed, actor) IN (0, 2)),
    UNIQUE (topic, partition, kafka_offset, digest)
);
CREATE INDEX dead_letter_open_idx ON {schema}.dead_letter (subject, letter) WHERE state = 'open';
GRANT SELECT, INSERT, UPDATE (state, closed, actor, remark) ON {schema}.dead_letter TO {role};
