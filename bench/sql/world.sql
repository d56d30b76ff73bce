-- The world of the benchmark: persons, their records in six systems, and what they did.
-- Every value is a function of (row number, salt, seed) through hash(), so that the number of
-- threads and the order of execution can change nothing. Variables: persons, seed, crowd.

SET VARIABLE women = regexp_split_to_array('Emma Julia Mila Sophie Zoë Sara Nora Tess Noor Eva Liv Anna Lotte Fleur Maud Roos Femke Sanne Lisa
    Iris Marieke Ingrid Petra Monique Yvonne Fatima Aylin Chantal Esther Daniëlle Wilhelmina Johanna
    Geertje Hanneke Jolanda Saskia', '\s+');
SET VARIABLE men = regexp_split_to_array('Daan Sem Lucas Levi Finn Noah Luuk Bram Milan Jesse Thijs Tim Lars Ruben Sven Jan Piet Kees Henk
    Willem Johan Mohammed Ömer Rik Stijn Joost Maarten Pieter Dirk Gerrit Hendrik Koen Niels Wouter
    Jeroen Bas', '\s+');
SET VARIABLE surnames = regexp_split_to_array('Jansen Vries Jong Berg Bakker Dijk Visser Smit Meijer Boer Mulder Groot Bos Vos Peters Hendriks
    Leeuwen Dekker Brouwer Wit Dijkstra Smits Graaf Meer Kok Jacobs Haan Vermeulen Heuvel Veen Broek
    Bruijn Heijden Schouten Beek Willems Vliet Ven Hoekstra Maas Verhoeven Koster Dam Prins Blom Huisman
    Peeters Kuipers Veldhuis Kuijpers Postma Martens Gerritsen Özdemir', '\s+');
SET VARIABLE streets = regexp_split_to_array('Dorpsstraat Kerkstraat Molenweg Schoolstraat Stationsweg Beukenlaan Eikenlaan Lindelaan Nieuwstraat
    Hoofdweg', '\s+');
SET VARIABLE cities = regexp_split_to_array('Amsterdam Rotterdam Utrecht Eindhoven Groningen Tilburg Almere Breda Nijmegen Haarlem Arnhem Zwolle
    Leiden Delft', '\s+');

CREATE MACRO mistyped(name, i, salt) AS CASE
    WHEN chance(i, salt) < 0.02 AND length(name) > 3 THEN name[1:2] || name[4] || name[3] || name[5:]
    WHEN chance(i, salt) < 0.05 THEN upper(name)
    ELSE name END;

CREATE TEMP TABLE person AS
SELECT
    i AS person,
    dice(i, 1) % 100 < 56 AS female,
    CASE WHEN dice(i, 1) % 100 < 56 THEN choice(i, 2, getvariable('women')) ELSE choice(i, 2, getvariable('men')) END AS first_name,
    choice(i, 3, ['', '', '', '', '', '', 'de', 'van', 'van der', 'van den', 'ter', 'van de']) AS prefix,
    choice(i, 4, getvariable('surnames')) AS last_name,
    DATE '1940-01-01' + (dice(i, 5) % 25000)::INT AS birth_date,
    '6' || choice(i, 6, ['1', '2', '3', '4', '5']) || digits(i, 7, 7) AS mobile,
    choice(i, 8, ['10', '20', '30', '40', '50', '70']) || choice(i, 9, ['2', '3', '4', '5', '6', '7']) || digits(i, 10, 6) AS landline,
    choice(i, 11, getvariable('streets')) AS street,
    (1 + dice(i, 12) % 220)::INT AS house_number,
    (1000 + dice(i, 13) % 8999)::VARCHAR || choice(i, 14, ['AB', 'BC', 'DE', 'GH', 'KL', 'NP', 'RT', 'VX', 'ZW']) AS postcode,
    choice(i, 15, getvariable('cities')) AS city,
    chance(i, 16) < 0.95 AS in_crm,
    chance(i, 17) < 0.58 AS in_shop,
    chance(i, 18) < 0.04 AND i > 0 AS shares_phone
FROM range(getvariable('persons')) AS numbers(i);

ALTER TABLE person ADD COLUMN email VARCHAR;
UPDATE person SET email = lower(strip_accents(first_name || '.' || last_name)) || person || '@'
    || choice(person, 19, ['example.nl', 'example.com', 'example.org', 'post.example.nl', 'mail.example.com']);

-- CRM: one record for most people, a second one with other typing for six in a hundred.
CREATE TEMP TABLE contact AS
WITH copies AS (
    SELECT person, 0 AS copy FROM person WHERE in_crm
    UNION ALL
    SELECT person, 1 FROM person WHERE in_crm AND chance(person, 20) < 0.06
),
keyed AS (SELECT person, copy, 2 * person + copy AS k FROM copies)
SELECT
    1000000 + k AS id,
    person,
    mistyped(first_name, k, 21) AS first_name,
    nullif(prefix, '') AS prefix,
    mistyped(last_name, k, 22) AS last_name,
    CASE WHEN dice(k, 23) % 10 = 0 THEN NULL WHEN female THEN 'F' ELSE 'M' END AS gender,
    CASE WHEN dice(k, 24) % 5 = 0 THEN NULL ELSE strftime(birth_date, '%d-%m-%Y') END AS birth_date,
    CASE
        WHEN chance(k, 25) < 0.12 THEN NULL
        WHEN chance(k, 25) < 0.13 THEN choice(k, 26, ['geen', 'n.v.t.', 'onbekend', '@'])
        WHEN chance(k, 25) < 0.15 THEN lower(strip_accents(first_name)) || person || '@example.net'
        ELSE noisy_email(email, k, 27) END AS email,
    CASE
        WHEN chance(k, 28) < getvariable('crowd') THEN noisy_phone('207000000', k, 29)
        WHEN chance(k, 28) < 0.20 + getvariable('crowd') THEN NULL
        WHEN chance(k, 28) < 0.22 + getvariable('crowd') THEN choice(k, 30, ['0000000000', '0612345', 'geen', '112'])
        WHEN shares_phone THEN noisy_phone('6' || choice(person - 1, 6, ['1', '2', '3', '4', '5']) || digits(person - 1, 7, 7), k, 31)
        WHEN dice(k, 32) % 4 = 0 THEN noisy_phone(landline, k, 31)
        ELSE noisy_phone(mobile, k, 31) END AS phone,
    street,
    house_number::VARCHAR AS house_number,
    CASE WHEN dice(k, 33) % 3 = 0 THEN postcode[1:4] || ' ' || postcode[5:6] ELSE postcode END AS postcode,
    city,
    'NL' AS country,
    (dice(k, 34) % 10 < 6)::INT AS email_opt_in,
    CASE WHEN dice(k, 34) % 10 < 6 THEN before_as_of(k, 35, 900) END AS opt_in_at,
    before_as_of(k, 36, 700) AS updated_at
FROM keyed JOIN person USING (person);

-- Shop: an account for 58 in a hundred, a second one on the same mobile for three of those.
CREATE TEMP TABLE account AS
WITH copies AS (
    SELECT person, 0 AS copy FROM person WHERE in_shop
    UNION ALL
    SELECT person, 1 FROM person WHERE in_shop AND chance(person, 40) < 0.03
),
keyed AS (SELECT person, copy, 2 * person + copy AS k FROM copies)
SELECT
    row_number() OVER (ORDER BY k) AS nth,
    500000 + k AS id,
    person,
    mistyped(first_name, k, 41) AS first_name,
    trim(prefix || ' ' || mistyped(last_name, k, 42)) AS last_name,
    CASE WHEN copy = 0 THEN email ELSE lower(strip_accents(last_name)) || person || '@example.net' END AS plain_email,
    noisy_email(CASE WHEN copy = 0 THEN email ELSE lower(strip_accents(last_name)) || person || '@example.net' END, k, 43) AS email,
    CASE WHEN copy = 0 AND chance(k, 44) < 0.25 THEN NULL ELSE noisy_phone(mobile, k, 45) END AS mobile,
    (dice(k, 46) % 10 < 5)::INT AS newsletter,
    CASE WHEN dice(k, 46) % 10 < 5 THEN before_as_of(k, 47, 900) END AS newsletter_at,
    before_as_of(k, 47, 900) AS created_at,
    before_as_of(k, 47, 900) + to_seconds((dice(k, 48) % 3600)::INT) AS updated_at
FROM keyed JOIN person USING (person);

CREATE TEMP TABLE product AS
SELECT
    'SKU-' || lpad(i::VARCHAR, 4, '0') AS sku,
    choice(i, 50, ['Adult', 'Junior', 'Senior', 'Mini', 'Maxi', 'Classic']) || ' ' || i AS name,
    choice(i, 51, ['kibble', 'snacks', 'toys', 'litter', 'care', 'bedding', 'aquarium', 'books']) AS category,
    choice(i, 52, ['dog', 'cat', 'rodent', 'bird', 'fish']) AS species,
    choice(i, 53, ['S', 'M', 'L', 'XL']) AS pack_size,
    ((150 + dice(i, 54) % 7500) / 100.0)::DECIMAL(10, 2) AS price
FROM range(500) AS numbers(i);

-- Orders: half of them by the one account in five that comes back often; a seventh by guests.
CREATE TEMP TABLE ordering AS
WITH drawn AS (
    SELECT
        i,
        chance(i, 60) < 0.15 AS guest,
        (dice(i, 61) % getvariable('persons'))::BIGINT AS guest_person,
        1 + CASE WHEN dice(i, 62) % 2 = 0 THEN (dice(i, 63) % accounts)::BIGINT
            ELSE (5 * (dice(i, 64) % greatest(accounts // 5, 1))) % accounts END::BIGINT AS nth,
        before_as_of(i, 65, 1000) AS created_at
    FROM range(3 * getvariable('persons')) AS numbers(i), (SELECT count(*) AS accounts FROM account)
)
SELECT
    10000000 + i AS order_no,
    CASE WHEN guest THEN guest_person ELSE account.person END AS person,
    CASE WHEN NOT guest THEN account.id END AS customer_id,
    noisy_email(CASE WHEN guest THEN person.email ELSE account.plain_email END, i, 66) AS billing_email,
    CASE (dice(i, 67) % 50)::INT WHEN 0 THEN 'test' WHEN 1 THEN 'C' WHEN 2 THEN 'R' WHEN 3 THEN 'R' ELSE 'P' END AS status,
    (CASE WHEN chance(i, 68) < 0.30 THEN 1 WHEN chance(i, 68) < 0.55 THEN 2 WHEN chance(i, 68) < 0.80 THEN 3 ELSE 4 END)::INT AS lines,
    drawn.created_at,
    least(drawn.created_at + to_seconds((dice(i, 69) % 200000)::INT), to_timestamp(1793491200 - 30)) AS updated_at
FROM drawn
JOIN account USING (nth)
JOIN person ON person.person = drawn.guest_person;

CREATE TEMP TABLE line AS
SELECT order_no, line_no, sku, quantity, price, created_at
FROM (
    SELECT
        order_no,
        created_at,
        unnest(range(1, lines + 1))::INT AS line_no,
        10 * order_no + unnest(range(1, lines + 1)) AS k
    FROM ordering
) AS numbered
JOIN (SELECT (sku[5:])::INT AS n, sku, price FROM product) AS offer ON offer.n = (dice(k, 70) % 500)::INT,
LATERAL (SELECT (1 + dice(k, 71) % 3)::INT AS quantity) AS bought;

CREATE TEMP TABLE address AS
SELECT row_number() OVER (ORDER BY email) AS nth, email
FROM (SELECT plain_email AS email FROM account UNION SELECT lower(trim(email)) FROM contact WHERE email LIKE '%_@_%');
