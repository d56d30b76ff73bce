-- Identity records: what each system says about a person, normalised. Variables: lake, as_of.

CREATE MACRO lake_table(name) AS TABLE
    SELECT * FROM read_parquet(getvariable('lake') || '/raw_' || name || '/*.parquet', union_by_name => true);
CREATE MACRO email(raw) AS CASE
    WHEN regexp_full_match(trim(raw), '[^@\s]+@[^@\s]+\.[A-Za-z]{2,}') THEN lower(trim(raw)) END;
CREATE MACRO bare_number(raw) AS regexp_replace(raw, '[^0-9]', '', 'g');
CREATE MACRO phone(raw) AS CASE
    WHEN regexp_full_match(bare_number(raw), '(00310?|310?|0)(6[1-58][0-9]{7}|[1-578][0-9]{8})')
    THEN '+31' || right(bare_number(raw), 9) END;
CREATE MACRO money(raw) AS replace(replace(raw, '.', ''), ',', '.')::DECIMAL(12, 2);
CREATE MACRO source_date(raw) AS strptime(raw, '%d-%m-%Y')::DATE;

CREATE SEQUENCE record_number START 0 MINVALUE 0;

CREATE TABLE source_record (
    record BIGINT, connection VARCHAR, source_key VARCHAR, email VARCHAR, phone VARCHAR, customer_number VARCHAR,
    given_name VARCHAR, prefix VARCHAR, surname VARCHAR, gender VARCHAR, birth_date DATE, street VARCHAR,
    house_number VARCHAR, postcode VARCHAR, city VARCHAR, opted_in BOOLEAN, opted_in_at TIMESTAMPTZ, updated_at TIMESTAMPTZ
);

INSERT INTO source_record
SELECT nextval('record_number'), 'crm', id::VARCHAR, email(email), phone(phone), NULL, trim(first_name), trim(prefix),
    trim(last_name), gender, source_date(birth_date), street, house_number, replace(postcode, ' ', ''), city,
    email_opt_in = 1, opt_in_at, updated_at
FROM lake_table('crm/contacts');

INSERT INTO source_record
SELECT nextval('record_number'), 'shop', id::VARCHAR, email(email), phone(mobile), id::VARCHAR, trim(first_name), NULL,
    trim(last_name), NULL, NULL, NULL, NULL, NULL, NULL, newsletter = 1, newsletter_at, updated_at
FROM lake_table('shop/customers');

INSERT INTO source_record
SELECT nextval('record_number'), 'erp', debtor_number, NULL, phone(phone), customer_number, NULL, NULL, name, NULL, NULL,
    NULL, NULL, NULL, city, NULL, NULL, NULL
FROM lake_table('erp/debtors');

INSERT INTO source_record
SELECT nextval('record_number'), 'guest', order_no::VARCHAR, email(billing_email), NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, updated_at
FROM lake_table('shop/orders')
WHERE customer_id IS NULL AND status <> 'test';

CREATE TABLE identifier AS
SELECT record, type, value, count(*) OVER (PARTITION BY type, value) AS holders, min(record) OVER (PARTITION BY type, value) AS anchor
FROM (
    SELECT record, 'email' AS type, email AS value FROM source_record WHERE email IS NOT NULL
    UNION ALL SELECT record, 'phone', phone FROM source_record WHERE phone IS NOT NULL
    UNION ALL SELECT record, 'customer_number', customer_number FROM source_record WHERE customer_number IS NOT NULL
);
