-- $size people who made an account an hour ago and agreed to marketing; with $phones, they have a phone number too.
INSERT INTO store.source_record (connection, source_key, record_id, record_no, person_id)
SELECT 'crm', i::TEXT, 'crm:' || i, i, i FROM range(1, $size + 1) AS t(i);
INSERT INTO store.person (person_id, record_id, given_name, surname, gender, email, phone, records)
SELECT i, 'crm:' || i, 'Given' || (i % 1000), 'Surname' || (i % 5000), CASE WHEN i % 2 = 0 THEN 'F' ELSE 'M' END,
    'person' || i || '@example.nl', CASE WHEN $phones THEN '+316' || lpad((i % 100000000)::TEXT, 8, '0') END, 1
FROM range(1, $size + 1) AS t(i);
INSERT INTO store.consent (connection, source_key, record_id, channel, purpose, given, "at")
SELECT 'crm', channel || i, 'crm:' || i, channel, 'marketing', true, TIMESTAMPTZ '2026-01-01 00:00:00+00'
FROM range(1, $size + 1) AS t(i), (VALUES ('email'), ('sms')) AS c(channel);
INSERT INTO store.activity (connection, source_key, record_id, type, "at")
SELECT 'crm', 'a' || i, 'crm:' || i, 'account_created', TIMESTAMPTZ '2026-03-02 08:00:00+00'
FROM range(1, $size + 1) AS t(i);
DELETE FROM store.stage_state WHERE stage IN ('enrich', 'decide');
