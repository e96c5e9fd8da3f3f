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
-- what follows reads a snapshot from after it. `append_one` is for a lone event: half the time of the general `append`, which
-- takes the events of many requests; a request whose versions are taken stores nothing and is missing from the answer.
-- Generic plans, because planning anew for the size of each array costs more than the append. They may be made while the store
-- is empty, and would read the whole of it for ever: so no sequential scan, and a LIMIT, which the planner cannot turn into one hash.
CREATE FUNCTION {schema}.append_one(
    stream text, version bigint, topic text, state bytea, id uuid, tenant text,
    part smallint, content bytea, header bytea, heard text[]
) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $BODY$
DECLARE
    place bigint;
    stamp timestamptz;
    before bigint;
    known text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    SELECT e.notification_id, e.recorded INTO place, stamp FROM {schema}.events e ORDER BY e.notification_id DESC LIMIT 1;
    IF part IS NOT NULL THEN
        SELECT max(e.notification_id) INTO before FROM {schema}.events e WHERE e.partition = part;
        SELECT coalesce(string_agg(h || '=' || t.notification_id, ' ' ORDER BY h), '') INTO known
            FROM unnest(heard) h JOIN {schema}.tracking t ON t.application_name = 'heard:' || h || '/' || part;
    END IF;
    place := coalesce(place, 0) + 1;
    INSERT INTO {schema}.events VALUES (
        stream, version, topic, state, place, id, tenant, greatest(clock_timestamp(), stamp), part, before, known, content, header
    ) ON CONFLICT (originator_id, originator_version) DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM pg_notify({channel}, '');
    RETURN place;
END $BODY$;

CREATE FUNCTION {schema}.append(
    requests int[], streams text[], versions bigint[], topics text[], states bytea[], ids uuid[], tenants text[],
    partitions smallint[], contents bytea[], headers bytea[], heard text[]
) RETURNS TABLE (request int, "position" bigint) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $BODY$
DECLARE
    place bigint;
    stamp timestamptz;
    late int[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));
    SELECT coalesce(array_agg(n.request), '{{}}') INTO late FROM (
        SELECT u.*, row_number() OVER (PARTITION BY u.stream, u.version ORDER BY u.request) AS nth
        FROM unnest(requests, streams, versions) AS u (request, stream, version)
    ) n WHERE n.nth > 1 OR (
        SELECT true FROM {schema}.events e WHERE e.originator_id = n.stream AND e.originator_version = n.version LIMIT 1
    );
    SELECT e.notification_id, e.recorded INTO place, stamp FROM {schema}.events e ORDER BY e.notification_id DESC LIMIT 1;
    place := coalesce(place, 0);
    stamp := greatest(clock_timestamp(), stamp);
    RETURN QUERY
    WITH given AS (
        SELECT u.*, place + row_number() OVER (ORDER BY u.nth) AS numbered
        FROM unnest(requests, streams, versions, topics, states, ids, tenants, partitions, contents, headers) WITH ORDINALITY
            AS u (asked, stream, version, topic, state, id, tenant, part, content, header, nth)
        WHERE u.asked <> ALL (late)
    ), known AS (
        SELECT p.part, (SELECT max(e.notification_id) FROM {schema}.events e WHERE e.partition = p.part) AS before,
            coalesce((
                SELECT string_agg(h || '=' || t.notification_id, ' ' ORDER BY h)
                FROM unnest(heard) h JOIN {schema}.tracking t ON t.application_name = 'heard:' || h || '/' || p.part
            ), '') AS after
        FROM (SELECT DISTINCT g.part FROM given g WHERE g.part IS NOT NULL) p
    ), stored AS (
        INSERT INTO {schema}.events
        SELECT g.stream, g.version, g.topic, g.state, g.numbered, g.id, g.tenant, stamp, g.part,
            CASE WHEN g.part IS NOT NULL THEN coalesce(lag(g.numbered) OVER (PARTITION BY g.part ORDER BY g.numbered), k.before) END,
            k.after, g.content, g.header
        FROM given g LEFT JOIN known k ON k.part = g.part
    )
    SELECT g.asked, g.numbered FROM given g ORDER BY g.numbered;
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
