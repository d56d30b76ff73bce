-- What each system says about a person, normalised. Variables: lake.

SET VARIABLE prefix_list = regexp_split_to_array('''s; ''t; a; aan; aan de; aan den; aan der; aan het; aan ''t; af; al; auf; auf dem; auf den; auf der; aus;
        aus dem; aus den; aus der; ben; bij; bij de; bij den; bij het; bij ''t; boven d''; da; dal; dal''; dalla;
        das; de; de die; de die le; de l''; de la; de las; de le; de los; de van der; deca; degli; dei; del;
        della; den; der; des; di; die; die le; do; don; dos; du; el; het; i; im; in; in de; in den; in der;
        in het; in ''t; l''; la; las; le; les; lo; los; of; onder; onder de; onder den; onder het; onder ''t; op;
        op de; op den; op der; op gen; op het; op ''t; op ten; over; over de; over den; over het; over ''t; te;
        ten; ter; tho; thoe; thor; to; toe; tot; uijt; uijt de; uijt den; uijt ten; uit; uit de; uit den; uit het;
        uit ''t; uit te de; uit ten; uyt; uyt de; uyt den; uyt ten; van; van de; van de l''; van den; van der;
        van gen; van het; van la; van ''t; van ter; van van de; ver; vom; von; von dem; von den; von der; von ''t;
        voor; voor de; voor den; voor in ''t; voor ''t; vor; vor der; zu; zum; zur', ';\s*');
SET VARIABLE prefixes = (
    SELECT string_agg(prefix, '|' ORDER BY len(string_split(prefix, ' ')) DESC, length(prefix) DESC)
    FROM unnest(getvariable('prefix_list')) AS prefixes(prefix));

CREATE MACRO lake_table(name) AS TABLE
    SELECT * FROM read_parquet(getvariable('lake') || '/raw_' || name || '/*.parquet', union_by_name => true);
CREATE MACRO email(raw) AS CASE
    WHEN regexp_full_match(lower(trim(raw)), '[a-z0-9_]+([.+-][a-z0-9_]+)*@([a-z0-9]+(-[a-z0-9]+)*[.])+[a-z]+') THEN lower(trim(raw)) END;
CREATE MACRO bare_number(raw) AS regexp_replace(raw, '[^0-9]', '', 'g');
CREATE MACRO dutch_phone(raw) AS CASE
    WHEN regexp_full_match(bare_number(raw), '(00310?|310?|0)(6[1-58][0-9]{7}|[1-578][0-9]{8})')
    THEN '+31' || right(bare_number(raw), 9) END;
CREATE MACRO phone(raw, country) AS CASE
    WHEN country <> 'BE' THEN coalesce(
        dutch_phone(raw), CASE WHEN regexp_full_match(bare_number(raw), '(00)?324[5-9][0-9]{7}') THEN '+32' || right(bare_number(raw), 9) END)
    WHEN regexp_full_match(bare_number(raw), '(00320?|320?|0)4[5-9][0-9]{7}') THEN '+32' || right(bare_number(raw), 9)
    WHEN starts_with(trim(raw), '+31') OR starts_with(raw, '0031') THEN dutch_phone(raw) END;
CREATE MACRO spaced(text) AS regexp_replace(trim(text), ' +', ' ', 'g');
CREATE MACRO prefix(surname) AS nullif(regexp_extract(spaced(surname), '^(' || getvariable('prefixes') || ') +[^ ]', 1), '');
CREATE MACRO surname(surname) AS nullif(regexp_replace(spaced(surname), '^(' || getvariable('prefixes') || ') +([^ ])', '\2'), '');
CREATE MACRO dutch_date(raw) AS strptime(raw, '%d-%m-%Y')::DATE;

CREATE TABLE said (
    connection VARCHAR, source_key VARCHAR, source_time TIMESTAMPTZ, load_id VARCHAR, gender VARCHAR,
    given_name VARCHAR, initials VARCHAR, prefix VARCHAR, surname VARCHAR, birth_date DATE,
    raw_email VARCHAR, email VARCHAR, raw_phone VARCHAR, phone VARCHAR, customer_number VARCHAR, loyalty_card VARCHAR,
    device VARCHAR, email_hash VARCHAR, street VARCHAR, house_number VARCHAR, postcode VARCHAR, city VARCHAR, country VARCHAR
);

INSERT INTO said BY NAME
SELECT 'crm' AS connection, id::VARCHAR AS source_key, updated_at AS source_time, _dlt_load_id AS load_id, gender, trim(first_name) AS given_name,
    trim(prefix) AS prefix, trim(last_name) AS surname, dutch_date(birth_date) AS birth_date, email AS raw_email, email(email) AS email,
    phone AS raw_phone, phone(phone, country) AS phone, card_no AS loyalty_card, street, house_number, replace(postcode, ' ', '') AS postcode, city, country
FROM lake_table('crm/contacts');

INSERT INTO said BY NAME
SELECT 'shop' AS connection, id::VARCHAR AS source_key, updated_at AS source_time, _dlt_load_id AS load_id, trim(first_name) AS given_name,
    prefix(last_name) AS prefix, surname(last_name) AS surname, birth_date::DATE AS birth_date, email AS raw_email, email(email) AS email,
    mobile AS raw_phone, phone(mobile, country) AS phone, id::VARCHAR AS customer_number, street, house_number, postcode, city, country
FROM lake_table('shop/customers');

INSERT INTO said BY NAME
SELECT 'checkout' AS connection, order_no AS source_key, ordered_at AS source_time, _dlt_load_id AS load_id, trim(first_name) AS given_name,
    prefix(last_name) AS prefix, surname(last_name) AS surname, email AS raw_email, email(email) AS email,
    phone AS raw_phone, phone(phone, country) AS phone, street, house_number, postcode, city, country
FROM lake_table('checkout/orders');

INSERT INTO said BY NAME
SELECT 'till' AS connection, card_no AS source_key, issued_at AS source_time, _dlt_load_id AS load_id, trim(first_name) AS given_name,
    trim(prefix) AS prefix, trim(last_name) AS surname, dutch_date(birth_date) AS birth_date, email AS raw_email, email(email) AS email,
    phone AS raw_phone, phone(phone, country) AS phone, card_no AS loyalty_card, street, house_number, postcode, city, country
FROM lake_table('till/cards');

INSERT INTO said BY NAME
SELECT 'erp' AS connection, debtor_no AS source_key, changed_at AS source_time, _dlt_load_id AS load_id,
    nullif(regexp_extract(name, '^([^ ])[.]', 1), '') AS initials, prefix(regexp_extract(name, '^[^ ]+ +(.+)$', 1)) AS prefix,
    surname(regexp_extract(name, '^[^ ]+ +(.+)$', 1)) AS surname, phone AS raw_phone, phone(phone, country) AS phone,
    customer_no AS customer_number, street, house_number, postcode, city, country
FROM lake_table('erp/debtors');

INSERT INTO said BY NAME
SELECT 'newsletter' AS connection, subscriber::VARCHAR AS source_key, subscribed_at AS source_time, _dlt_load_id AS load_id,
    trim(first_name) AS given_name, email AS raw_email, email(email) AS email
FROM lake_table('newsletter/subscribers');

INSERT INTO said BY NAME
SELECT 'web' AS connection, visitor AS source_key, seen_at AS source_time, _dlt_load_id AS load_id, visitor AS device,
    customer_no AS customer_number, email_hash
FROM lake_table('web/visitors');

CREATE TABLE identifier AS
SELECT connection, source_key, 'email' AS type, email AS value, raw_email AS original FROM said WHERE email IS NOT NULL
UNION ALL SELECT connection, source_key, 'phone', phone, raw_phone FROM said WHERE phone IS NOT NULL
UNION ALL SELECT connection, source_key, 'customer_number', 'shop:' || customer_number, customer_number FROM said WHERE customer_number IS NOT NULL
UNION ALL SELECT connection, source_key, 'loyalty_card', loyalty_card, loyalty_card FROM said WHERE loyalty_card IS NOT NULL
UNION ALL SELECT connection, source_key, 'device', device, device FROM said WHERE device IS NOT NULL
UNION ALL SELECT connection, source_key, 'email_hash', email_hash, email_hash FROM said WHERE email_hash IS NOT NULL;

CREATE TABLE address AS
SELECT connection, source_key, source_time, load_id, street, house_number, postcode, city, country FROM said WHERE street IS NOT NULL;
