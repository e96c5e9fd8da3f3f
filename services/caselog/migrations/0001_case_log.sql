-- The case log. {schema} and {role} are filled in by `anken migrate`.
CREATE TABLE {schema}.tracking (
    application_name text PRIMARY KEY,
    notification_id bigint NOT NULL
);

-- How far each source's partition (`intake/3`) has been admitted: everything up to here is in the log or left out for good.
CREATE TABLE {schema}.admitted (
    source text PRIMARY KEY,
    position bigint NOT NULL
);

-- One row per event, in the order of its tenant's log. The line is what is hashed; the other columns are for finding it.
CREATE TABLE {schema}.entry (
    tenant text COLLATE "C" NOT NULL,
    idx bigint NOT NULL CHECK (idx >= 0),
    subject uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    event_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    effective timestamptz NOT NULL,
    recorded timestamptz NOT NULL,
    logged timestamptz NOT NULL,
    source text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    flag text,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    line bytea NOT NULL CHECK (octet_length(line) <= 65535),
    PRIMARY KEY (tenant, idx),
    CONSTRAINT entry_chain UNIQUE (tenant, subject, seq),
    CONSTRAINT entry_event UNIQUE (event_id)
);
CREATE INDEX entry_first_idx ON {schema}.entry (tenant, idx) WHERE seq = 1;

-- The size of each tenant's log, moved by compare-and-set, and the time of its last entry, which never runs backwards.
CREATE TABLE {schema}.log (
    tenant text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    logged timestamptz NOT NULL
);

-- Read, but what their authors had taken in before is not in the log yet. `rest` is the line already written but for its
-- place in the chain; a record that can be no entry has none and only keeps its place in the order.
CREATE TABLE {schema}.waiting (
    source text NOT NULL,
    position bigint NOT NULL,
    tenant text,
    cause uuid,
    attributes bytea NOT NULL,
    flag text,
    rest bytea,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, position)
);
CREATE INDEX waiting_cause_idx ON {schema}.waiting (cause) WHERE cause IS NOT NULL;

-- What can be no entry (it went to the dead letters): with these rows the log accounts for every position it has read.
CREATE TABLE {schema}.left_out (
    source text NOT NULL,
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, position)
);
CREATE INDEX left_out_event_idx ON {schema}.left_out (event_id);

GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT ON {schema}.entry, {schema}.left_out TO {role};
GRANT SELECT, INSERT, UPDATE ON {schema}.tracking, {schema}.admitted, {schema}.log TO {role};
GRANT SELECT, INSERT, DELETE ON {schema}.waiting TO {role};
