-- SIZE people under way in the journey, a week after its first mail; the tick finds all of them at the wait.
INSERT INTO store.source_record (connection, source_key, record_id, record_no, person_id)
SELECT 'crm', i::TEXT, 'crm:' || i, i, i FROM generate_series(1, $size) AS t(i);
INSERT INTO store.person (person_id, record_id, given_name, surname, email, city, records)
SELECT i, 'crm:' || i, 'Anna', 'Jansen', 'person' || i || '@example.nl', 'Utrecht', 1 FROM generate_series(1, $size) AS t(i);
INSERT INTO store.consent (connection, source_key, record_id, channel, purpose, given, "at")
SELECT 'crm', 'c' || i, 'crm:' || i, 'email', 'marketing', true, TIMESTAMPTZ '2026-01-01 00:00:00+00'
FROM generate_series(1, $size) AS t(i);
INSERT INTO store.enrolment (enrolment_id, scenario, version, record_id, row_key, occurrence, entered_at, step, since,
    due_at, message_id, status)
SELECT md5('e' || i), 'journey', $version, 'crm:' || i, '', 1, TIMESTAMPTZ '2026-03-02 08:00:00+00', 'wait',
    TIMESTAMPTZ '2026-03-02 09:00:00+00', TIMESTAMPTZ '2026-03-09 09:00:00+00', md5('m' || i), 'active'
FROM generate_series(1, $size) AS t(i);
INSERT INTO store.message (connection, source_key, record_id, channel, campaign, scenario, step, purpose, sent_at)
SELECT 'mail', md5('m' || i), 'crm:' || i, 'email', 'offer', 'journey', 'offer', 'marketing',
    TIMESTAMPTZ '2026-03-02 09:00:00+00' FROM generate_series(1, $size) AS t(i);
INSERT INTO store.decision (decision_id, enrolment_id, scenario, step, template, record_id, outcome, channel, "at")
SELECT md5('m' || i), md5('e' || i), 'journey', 'offer', 'offer', 'crm:' || i, 'queued', 'email',
    TIMESTAMPTZ '2026-03-02 09:00:00+00' FROM generate_series(1, $size) AS t(i);
INSERT INTO store.message_event (connection, source_key, record_id, message_key, type, "at")
SELECT 'mail', 'o' || i, 'crm:' || i, md5('m' || i), CASE WHEN i % 5 = 0 THEN 'clicked' ELSE 'opened' END,
    TIMESTAMPTZ '2026-03-03 09:00:00+00' FROM generate_series(1, $size) AS t(i) WHERE i % 5 < 2;
INSERT INTO store.sales_order (connection, source_key, record_id, ordered_at, status)
SELECT 'crm', 's' || i, 'crm:' || i, TIMESTAMPTZ '2026-03-04 09:00:00+00', 'paid'
FROM generate_series(1, $size) AS t(i) WHERE i % 20 = 1;
DELETE FROM store.stage_state WHERE stage = 'enrich';
