-- What records say of themselves, and the values by which they hang together: no crowd's (more than 40 records), not blocked.
-- Tables: said, identifier, given_key and surname_key (said, key).

CREATE TEMP TABLE who AS
SELECT record, given_key.key AS given, surname_key.key AS surname, birth_date AS born,
    CASE WHEN gender IN ('F', 'M') THEN gender END AS gender, postcode || ' ' || lower(house_number) AS home
FROM said
LEFT JOIN given_key ON given_key.said = said.given_name
LEFT JOIN surname_key ON surname_key.said = said.surname
WHERE given_name IS NOT NULL OR said.surname IS NOT NULL;

CREATE TEMP TABLE held AS
SELECT record, CASE type WHEN 'customer_number' THEN 1 WHEN 'email' THEN 3 ELSE 5 END::TINYINT AS rank, hash(type, value) AS value
FROM identifier
WHERE holders BETWEEN 2 AND 40 AND value NOT IN ('info@example.nl', 'noreply@example.nl', '+31207654321')
UNION ALL SELECT record, 6, hash(6, given[1], surname, born) FROM who WHERE given IS NOT NULL AND surname IS NOT NULL AND born IS NOT NULL
UNION ALL SELECT record, 7, hash(7, born, home) FROM who WHERE born IS NOT NULL AND home IS NOT NULL
UNION ALL SELECT record, 8, hash(8, given[1], surname, home) FROM who WHERE given IS NOT NULL AND surname IS NOT NULL AND home IS NOT NULL;

CREATE TEMP TABLE shared AS
SELECT value, min(record) AS lowest FROM held GROUP BY value HAVING count(*) BETWEEN 2 AND 40;
