-- Records: what each system says about a person, normalised, with where and when it said so.
-- Variables: lake, as_of.

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

CREATE TEMP TABLE heard (
    connection VARCHAR, source_key VARCHAR, source_time TIMESTAMPTZ, load_id VARCHAR,
    email VARCHAR, raw_email VARCHAR, phone VARCHAR, raw_phone VARCHAR, customer_number VARCHAR,
    given_name VARCHAR, prefix VARCHAR, surname VARCHAR, gender VARCHAR, birth_date DATE, street VARCHAR,
    house_number VARCHAR, postcode VARCHAR, city VARCHAR, country VARCHAR, opted_in BOOLEAN, opted_in_at TIMESTAMPTZ
);

INSERT INTO heard
SELECT 'crm', id::VARCHAR, updated_at, _dlt_load_id, email(email), email, phone(phone), phone, NULL,
    trim(first_name), trim(prefix), trim(last_name), gender, source_date(birth_date), street, house_number,
    replace(postcode, ' ', ''), city, country, email_opt_in = 1, opt_in_at
FROM lake_table('crm/contacts');

INSERT INTO heard
SELECT 'shop', id::VARCHAR, updated_at, _dlt_load_id, email(email), email, phone(mobile), mobile,
    id::VARCHAR, trim(first_name), NULL, trim(last_name), NULL, NULL, NULL, NULL, NULL, NULL, NULL, newsletter = 1, newsletter_at
FROM lake_table('shop/customers');

INSERT INTO heard
SELECT 'erp', debtor_number, NULL, _dlt_load_id, NULL, NULL, phone(phone), phone, customer_number,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM lake_table('erp/debtors');

-- People of whom only an identifier is known: one record per value and system.

CREATE TEMP TABLE guest_order AS
SELECT order_no, email(billing_email) AS email, billing_email AS original, _dlt_load_id AS load_id
FROM lake_table('shop/orders') WHERE customer_id IS NULL AND status <> 'test' AND email(billing_email) IS NOT NULL;

CREATE TEMP TABLE mail_address AS
SELECT original, email(original) AS email, load_id
FROM (SELECT email AS original, min(_dlt_load_id) AS load_id FROM lake_table('mailings/events') GROUP BY email);

INSERT INTO heard (connection, source_key, load_id, email, raw_email)
SELECT 'guest', email, load_id, email, original
FROM (SELECT email, min(load_id) AS load_id, min(original) AS original FROM guest_order GROUP BY email);

INSERT INTO heard (connection, source_key, load_id, email, raw_email)
SELECT 'mailings', email, load_id, email, original
FROM (SELECT email, min(load_id) AS load_id, min(original) AS original FROM mail_address WHERE email IS NOT NULL GROUP BY email);

INSERT INTO heard (connection, source_key, load_id, customer_number)
SELECT 'web', customer_number, load_id, customer_number
FROM (
    SELECT customer_id::VARCHAR AS customer_number, min(_dlt_load_id) AS load_id
    FROM lake_table('web/events') WHERE customer_id IS NOT NULL GROUP BY customer_id
);

-- Records are numbered in the order of the ids that the hub gives them: who is first decides who speaks for a person.
CREATE TABLE said AS
SELECT row_number() OVER (
    ORDER BY CASE connection WHEN 'guest' THEN 'shop' ELSE connection END,
        CASE connection WHEN 'guest' THEN 'email:' WHEN 'mailings' THEN 'email:' ELSE '' END || source_key) - 1 AS record, *
FROM heard;

CREATE TABLE identifier AS
SELECT record, type, value, original,
    count(*) OVER same_value AS holders, min(record) OVER same_value AS anchor
FROM (
    SELECT record, 'email' AS type, email AS value, raw_email AS original FROM said WHERE email IS NOT NULL
    UNION ALL SELECT record, 'phone', phone, raw_phone FROM said WHERE phone IS NOT NULL
    UNION ALL SELECT record, 'customer_number', customer_number, customer_number FROM said WHERE customer_number IS NOT NULL
)
WINDOW same_value AS (PARTITION BY type, value);

CREATE TABLE address AS
SELECT record, source_time, load_id, street, house_number, postcode, city, country FROM said WHERE street IS NOT NULL;

CREATE TABLE consent AS
SELECT record, source_time, load_id, 'email' AS channel, 'marketing' AS purpose, opted_in AS given, opted_in_at AS "at",
    CASE connection WHEN 'crm' THEN 'crm-form-v1' ELSE 'shop-newsletter-v3' END AS text
FROM said WHERE opted_in;
