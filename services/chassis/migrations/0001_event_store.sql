-- The event store of one service. {schema} and {role} are filled in by `anken migrate`.
CREATE TABLE {schema}.events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    event_id uuid NOT NULL,
    tenant text NOT NULL,
    recorded timestamptz NOT NULL,
    partition smallint,
    previous bigint,
    after text,
    value bytea,
    attributes bytea,
    PRIMARY KEY (originator_id, originator_version),
    CHECK (num_nulls(partition, value, attributes) IN (0, 3))
);
CREATE UNIQUE INDEX events_notification_id_idx ON {schema}.events (notification_id);
CREATE UNIQUE INDEX events_event_id_idx ON {schema}.events (event_id);
CREATE INDEX events_announced_idx ON {schema}.events (partition, notification_id) WHERE partition IS NOT NULL;
CREATE INDEX events_outbox_idx ON {schema}.events (notification_id) WHERE partition IS NOT NULL;

CREATE TABLE {schema}.tracking (
    application_name text PRIMARY KEY,
    notification_id bigint NOT NULL
);

-- One round trip: lock, take the inbox position, number, stamp, store, notify. The lock is taken in a statement of its
-- own so that what follows reads a snapshot from after it.
CREATE FUNCTION {schema}.append(
    streams text[], versions bigint[], topics text[], states bytea[], ids uuid[], tenants text[],
    partitions smallint[], contents bytea[], headers bytea[],
    taken text, taken_from bigint, taken_to bigint, heard text[]
) RETURNS SETOF bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $BODY$
DECLARE
    place bigint;
    stamp timestamptz;
    before bigint;
    known text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    IF taken IS NOT NULL THEN
        IF taken_from IS NULL THEN
            INSERT INTO {schema}.tracking VALUES (taken, taken_to) ON CONFLICT DO NOTHING;
        ELSE
            UPDATE {schema}.tracking SET notification_id = taken_to WHERE application_name = taken AND notification_id = taken_from;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'another reader has moved %', taken USING ERRCODE = 'unique_violation', CONSTRAINT = 'tracking_position';
        END IF;
    END IF;
    IF cardinality(streams) = 0 THEN
        RETURN;
    END IF;
    SELECT e.notification_id, e.recorded INTO place, stamp FROM {schema}.events e ORDER BY e.notification_id DESC LIMIT 1;
    place := coalesce(place, 0);
    stamp := greatest(clock_timestamp(), stamp);
    FOR i IN 1 .. cardinality(streams) LOOP
        place := place + 1;
        before := NULL;
        known := NULL;
        IF partitions[i] IS NOT NULL THEN
            SELECT max(e.notification_id) INTO before FROM {schema}.events e WHERE e.partition = partitions[i];
            SELECT string_agg(h || '=' || t.notification_id, ' ' ORDER BY h) INTO known
                FROM unnest(heard) h JOIN {schema}.tracking t ON t.application_name = 'heard:' || h || '/' || partitions[i];
        END IF;
        INSERT INTO {schema}.events VALUES (
            streams[i], versions[i], topics[i], states[i], place, ids[i], tenants[i], stamp,
            partitions[i], before, coalesce(known, CASE WHEN partitions[i] IS NOT NULL THEN '' END), contents[i], headers[i]
        );
        RETURN NEXT place;
    END LOOP;
    PERFORM pg_notify({channel}, '');
END $BODY$;

CREATE TABLE {schema}.view (
    name text PRIMARY KEY,
    serving integer NOT NULL, -- the version that is read; 0 has no rows
    revision integer NOT NULL -- of the definition that folded it
);
-- Rows are written and read whole, by tenant and subject. An update finds room on its page, so that no index entry is added.
CREATE TABLE {schema}.row (
    view text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    subject uuid NOT NULL,
    content json NOT NULL,
    PRIMARY KEY (view, version, tenant, subject)
) WITH (fillfactor = 80);
CREATE TABLE {schema}.due (
    kind text NOT NULL,
    subject uuid NOT NULL,
    tenant text NOT NULL,
    due date NOT NULL,
    done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX due_open_idx ON {schema}.due (due) WHERE NOT done;

GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT ON {schema}.events TO {role};
GRANT SELECT, INSERT, UPDATE ON {schema}.tracking TO {role};
GRANT SELECT, INSERT, UPDATE ON {schema}.view, {schema}.due TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.row TO {role};
