-- $size people with a golden record, traits, and consent to be shown ads; one in ten has refused.
INSERT INTO store.source_record (connection, source_key, record_id, record_no, person_id)
SELECT 'crm', i::TEXT, 'crm:' || i, i, i FROM range(1, $size + 1) AS t(i);
INSERT INTO store.person (person_id, record_id, given_name, initials, prefix, surname, gender, birth_date, email, phone,
    street, house_number, house_addition, postcode, city, country, household_id, records)
SELECT i, 'crm:' || i, 'Given' || (i % 1000), chr(65 + (i % 26)::INTEGER) || '.', CASE WHEN i % 4 = 0 THEN 'van der' END,
    'Surname' || (i % 5000), CASE WHEN i % 2 = 0 THEN 'F' ELSE 'M' END, DATE '1950-01-01' + (i % 20000)::INTEGER,
    'person' || i || '@example.nl', '+316' || lpad((i % 100000000)::TEXT, 8, '0'), 'Street ' || (i % 3000),
    (i % 300)::TEXT, CASE WHEN i % 9 = 0 THEN 'bis' END, lpad((1000 + i % 9000)::TEXT, 4, '0') || 'AB',
    'City' || (i % 400), 'NL', i // 2, 1 + i % 3
FROM range(1, $size + 1) AS t(i);
INSERT INTO store.consent (connection, source_key, record_id, channel, purpose, given, "at")
SELECT 'crm', 'c' || i, 'crm:' || i, 'ads', 'marketing', i % 10 > 0, TIMESTAMPTZ '2026-01-01 00:00:00+00'
FROM range(1, $size + 1) AS t(i);
