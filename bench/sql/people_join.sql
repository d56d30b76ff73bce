-- Who joins whom in this round. Tables: met, says, given_likeness and surname_likeness (one, other, likeness).
-- Likeness: 3 same, 2 near, 1 far, 0 one of them is silent, -1 other.

CREATE OR REPLACE MACRO born_alike(a, b) AS CASE
    WHEN a IS NULL OR b IS NULL THEN 0
    WHEN a = b THEN 3
    WHEN hamming(strftime(a, '%Y%m%d'), strftime(b, '%Y%m%d')) = 1 THEN 2
    WHEN year(a) = year(b) AND month(a) = day(b) AND day(a) = month(b) THEN 2
    WHEN hamming(strftime(a, '%Y%m%d'), strftime(b, '%Y%m%d')) = 2
        AND damerau_levenshtein(strftime(a, '%Y%m%d'), strftime(b, '%Y%m%d')) = 1 THEN 2
    ELSE -1 END;

CREATE OR REPLACE TEMP TABLE fit AS
SELECT DISTINCT root, rank, low, high, low_level, high_level
FROM (
    SELECT root, rank, low, high, low_level, high_level, surname, born,
        CASE WHEN given < 3 AND low_gender <> high_gender THEN -1 ELSE given END AS given
    FROM (
        SELECT met.*,
            CASE WHEN low_given IS NULL OR high_given IS NULL THEN 0 WHEN low_given = high_given THEN 3 ELSE g.likeness END AS given,
            CASE WHEN low_surname IS NULL OR high_surname IS NULL THEN 0 WHEN low_surname = high_surname THEN 3 ELSE s.likeness END AS surname,
            born_alike(low_born, high_born) AS born
        FROM met
        LEFT JOIN given_likeness AS g ON g.one = low_given AND g.other = high_given
        LEFT JOIN surname_likeness AS s ON s.one = low_surname AND s.other = high_surname
    )
)
WHERE CASE
    -- numbers and cards: not the whole name differs
    WHEN rank <= 2 THEN NOT (
        (given IN (1, -1) AND surname < 2) OR (surname = -1 AND given < 2) OR (born = -1 AND (given < 3 OR surname < 2)))
    -- addresses of mailboxes and their hashes
    WHEN rank <= 4 THEN NOT (
        given = -1 OR (given = 1 AND surname < 2) OR (surname = -1 AND NOT (given = 3 OR (given = 2 AND born = 3)))
        OR (born = -1 AND (given < 3 OR surname < 2)))
    -- phones, and fields that count together
    ELSE NOT (
        given = -1 OR (given = 1 AND NOT (surname >= 2 AND born >= 2)) OR (surname = -1 AND NOT (given = 3 OR (given = 2 AND born = 3)))
        OR born = -1 OR (born = 2 AND given < 2)) END;

CREATE OR REPLACE TEMP TABLE upward AS
SELECT root, greatest_level.person, rank, target, given, surname, born, gender
FROM (
    SELECT root, rank, CASE WHEN low_level < high_level THEN high ELSE low END AS person,
        CASE WHEN low_level < high_level THEN low ELSE high END AS target
    FROM fit WHERE low_level <> high_level
) AS greatest_level
JOIN says ON says.person = target;

CREATE OR REPLACE TEMP TABLE edge AS
WITH clear AS (
    SELECT person, min(rank) AS rank
    FROM (
        SELECT person, rank FROM upward GROUP BY person, rank
        HAVING NOT coalesce(min(given) < max(given) OR min(surname) < max(surname) OR min(born) < max(born) OR min(gender) < max(gender), false)
    )
    GROUP BY person
)
SELECT root, person AS one, target AS other FROM upward JOIN clear USING (person, rank)
UNION ALL
SELECT root, low, high FROM fit
WHERE low_level = high_level AND low NOT IN (SELECT person FROM upward) AND high NOT IN (SELECT person FROM upward);

-- Where nobody else joins: those who can't tell whose they are still are each other's.
INSERT INTO edge
SELECT root, low, high FROM fit
WHERE low_level = high_level AND low IN (SELECT person FROM upward) AND high IN (SELECT person FROM upward)
    AND root NOT IN (SELECT root FROM edge);
