-- Who a record says it is, and the values by which records hang together. Tables: said, given_key, surname_key (said, key).

-- Records count on in the order of their ids, as the hub counts them.
CREATE TEMP TABLE record AS
SELECT row_number() OVER (ORDER BY connection || ':' || source_key) AS record, connection || ':' || source_key AS record_id, * FROM said;

CREATE TEMP TABLE who AS
SELECT
    record,
    given_key.key AS given,
    surname_key.key AS surname,
    CASE WHEN birth_date NOT IN ('1800-01-01', '1900-01-01', '1901-01-01', '1970-01-01') THEN birth_date END AS born,
    CASE WHEN gender IN ('F', 'M') THEN gender END AS gender,
    postcode || ' ' || lower(house_number) AS home
FROM record
LEFT JOIN given_key ON given_key.said = coalesce(nullif(given_name, ''), initials)
LEFT JOIN surname_key ON surname_key.said = record.surname;

CREATE MACRO holds_nothing(value) AS regexp_full_match(value, '[-0 .+]*') OR value IN ('geen@geen.nl', 'test@test.nl', 'test@test.be',
    'test@test.com', 'test@example.com', 'a@a.nl', 'a@b.nl', 'onbekend@onbekend.nl', 'nomail@nomail.com', 'noemail@noemail.com');
CREATE MACRO shared_mailbox(email) AS regexp_matches(email, '^(info|contact|mail|email|office|admin|administratie|boekhouding|compta|
|facturen|factuur|invoice|sales|verkoop|inkoop|receptie|secretariaat|klantenservice|support|helpdesk|service|noreply|no-reply|donotreply|
|postmaster|webmaster)@');

-- Values as numbers: joining and grouping by them is what the rest does.
CREATE TEMP TABLE held AS
SELECT record, 1::TINYINT AS rank, hash(1, customer_number) AS value FROM record WHERE customer_number IS NOT NULL
UNION ALL SELECT record, 2, hash(2, loyalty_card) FROM record WHERE loyalty_card IS NOT NULL
UNION ALL SELECT record, 3, hash(3, email) FROM record WHERE email IS NOT NULL AND NOT holds_nothing(email) AND NOT shared_mailbox(email)
UNION ALL SELECT record, 5, hash(5, phone) FROM record WHERE phone IS NOT NULL
UNION ALL SELECT record, 6, hash(6, given[1], surname, born) FROM who WHERE given IS NOT NULL AND surname IS NOT NULL AND born IS NOT NULL
UNION ALL SELECT record, 7, hash(7, born, home) FROM who WHERE born IS NOT NULL AND home IS NOT NULL
UNION ALL SELECT record, 8, hash(8, given[1], surname, home) FROM who WHERE given IS NOT NULL AND surname IS NOT NULL AND home IS NOT NULL;

-- The hash of an address is a value of its own only where somebody gives it; everywhere else it says what the address says.
INSERT INTO held
WITH given AS (SELECT record, email_hash FROM record WHERE email_hash IS NOT NULL),
    plain AS (SELECT record, sha256(email) AS email_hash FROM record WHERE email IS NOT NULL AND NOT holds_nothing(email) AND NOT shared_mailbox(email))
SELECT record, 4, hash(4, email_hash) FROM given
UNION ALL SELECT record, 4, hash(4, email_hash) FROM plain SEMI JOIN given USING (email_hash);

CREATE TEMP TABLE shared AS
SELECT value, min(record) AS lowest FROM held GROUP BY value HAVING count(*) BETWEEN 2 AND 40;
