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

-- An append is one round trip: lock, check, number, stamp, store, notify. The lock is taken in a statement of its own so that
-- what follows reads a snapshot from after it. `append_one` is for a lone event, `append` takes the events of many requests: of both,
-- an answer without a place means that a version is taken, and that nothing was stored. `keys` are the names in `tracking` of what
-- the author has heard on the event's partition.
-- Generic plans, because planning anew for the size of each array costs more than the append. They may be made while the store
-- is empty, and would read the whole of it for ever: so no sequential scan, and a LIMIT, which the planner cannot turn into one hash.
-- `append` sets so itself; `append_one` leaves it to the connection that is opened for it, which saves as much as its lock costs.
CREATE FUNCTION {schema}.append_one(
    stream text, version bigint, topic text, state bytea, id uuid, tenant text, part smallint, content bytea, header bytea, keys text[]
) RETURNS bigint LANGUAGE plpgsql AS $BODY$
DECLARE
    place bigint;
    stamp timestamptz;
    before bigint;
    known text;
    taken boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    SELECT
        l.notification_id,
        l.recorded,
        (SELECT e.notification_id FROM {schema}.events e WHERE e.partition = part ORDER BY e.notification_id DESC LIMIT 1),
        (
            SELECT string_agg(split_part(substr(t.application_name, 7), '/', 1) || '=' || t.notification_id, ' ' ORDER BY t.application_name)
            FROM {schema}.tracking t WHERE t.application_name = ANY (keys)
        ),
        (SELECT true FROM {schema}.events e WHERE e.originator_id = stream AND e.originator_version = version LIMIT 1)
    INTO place, stamp, before, known, taken
    FROM (SELECT) one LEFT JOIN LATERAL (
        SELECT e.notification_id, e.recorded FROM {schema}.events e ORDER BY e.notification_id DESC LIMIT 1
    ) l ON true;
    IF taken THEN
        RETURN NULL;
    END IF;
    place := coalesce(place, 0) + 1;
    INSERT INTO {schema}.events VALUES (
        stream, version, topic, state, place, id, tenant, greatest(clock_timestamp(), stamp), part,
        before, CASE WHEN part IS NOT NULL THEN coalesce(known, '') END, content, header
    );
    PERFORM pg_notify({channel}, '');
    RETURN place;
END $BODY$;

-- One event to append, the `nth` of all from 1 on. Its partition is the one at `slot` of the partitions given beside; `follows` is
-- the event before it of the same partition, if that is appended with it.
CREATE TYPE {schema}.appending AS (
    nth int, slot int, follows int,
    stream text, version bigint, topic text, state bytea, id uuid, tenant text, part smallint, content bytea, header bytea
);

-- `keys` holds `width` names for each of the partitions. Gives the place of the first event, the others follow it; or which are late.
CREATE FUNCTION {schema}.append(
    given {schema}.appending[], partitions smallint[], keys text[], width int, OUT place bigint, OUT late int[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $BODY$
DECLARE
    stamp timestamptz;
    before bigint[];
    known text[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    SELECT
        coalesce(l.notification_id, 0),
        greatest(clock_timestamp(), l.recorded),
        p.before,
        p.known,
        (
            SELECT array_agg(g.nth) FROM unnest(given) g
            WHERE (SELECT true FROM {schema}.events e WHERE e.originator_id = g.stream AND e.originator_version = g.version LIMIT 1)
        )
    INTO place, stamp, before, known, late
    FROM (
        SELECT
            array_agg((
                SELECT e.notification_id FROM {schema}.events e WHERE e.partition = p.part ORDER BY e.notification_id DESC LIMIT 1
            ) ORDER BY p.slot) AS before,
            array_agg(coalesce((
                SELECT string_agg(split_part(substr(t.application_name, 7), '/', 1) || '=' || t.notification_id, ' ' ORDER BY t.application_name)
                FROM {schema}.tracking t WHERE t.application_name = ANY (keys[(p.slot - 1) * width + 1 : p.slot * width])
            ), '') ORDER BY p.slot) AS known
        FROM unnest(partitions) WITH ORDINALITY p (part, slot)
    ) p LEFT JOIN LATERAL (
        SELECT e.notification_id, e.recorded FROM {schema}.events e ORDER BY e.notification_id DESC LIMIT 1
    ) l ON true;
    IF late IS NOT NULL THEN
        place := NULL;
        RETURN;
    END IF;
    INSERT INTO {schema}.events
    SELECT
        g.stream, g.version, g.topic, g.state, place + g.nth, g.id, g.tenant, stamp, g.part,
        coalesce(place + g.follows, before[g.slot]), known[g.slot], g.content, g.header
    FROM unnest(given) g;
    place := place + 1;
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
