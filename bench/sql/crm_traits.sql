-- What enrich would compute for people with orders, without the orders; and that segments were evaluated.
UPDATE store.trait SET order_count = person_id % 12, spent_lifetime = (person_id % 100000) / 100,
    first_order_at = TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_seconds(person_id % 10000000),
    last_order_at = TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(person_id % 1000000);
DELETE FROM store.stage_state WHERE stage = 'segment';
INSERT INTO store.stage_state (stage, fingerprint) VALUES ('segment', 'evaluated');
