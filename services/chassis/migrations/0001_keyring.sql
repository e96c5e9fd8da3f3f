-- Data keys, wrapped. Intake makes them; review, billing and the case log may read them; the anonymizer has no grant.
CREATE TABLE keyring.data_key (
    tenant text NOT NULL,
    subject uuid NOT NULL,
    wrapped bytea, -- NULL once destroyed: the row stays, so that no new key is made for text that was erased
    made timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, subject)
);
