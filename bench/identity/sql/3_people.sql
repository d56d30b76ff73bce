-- Whose record it is and why; the golden record of each person; who lives together. Tables: record, held, shared, record_person.

CREATE TEMP TABLE crowd AS SELECT value FROM held GROUP BY value HAVING count(*) > 40;

CREATE TABLE source_record AS
SELECT record.record, record_id, person,
    CASE WHEN person <> record.record THEN reason & 63 END AS linked_by,
    CASE WHEN person <> record.record THEN (reason >> 6) & 1099511627775 END AS linked_to,
    connection, source_key,
    source_time, load_id, given_name, initials, prefix, surname, gender, birth_date
FROM record JOIN record_person USING (record)
LEFT JOIN (
    SELECT record, min((CASE WHEN lowest < record THEN lowest ELSE highest + 1099511627776 END << 6) + rank) AS reason
    FROM (
        SELECT record, rank, min(record) OVER same AS lowest, max(record) OVER same AS highest
        FROM held SEMI JOIN shared USING (value) JOIN record_person USING (record)
        WINDOW same AS (PARTITION BY person, value)
    )
    WHERE lowest < highest GROUP BY record
) AS why USING (record);

CREATE MACRO newest(field, recency) AS arg_max(field, recency) FILTER (field IS NOT NULL);

CREATE TEMP TABLE profile_of AS
SELECT
    person,
    newest(CASE WHEN NOT holds_nothing(email) AND hash(3, email) NOT IN (SELECT value FROM crowd) THEN email END, recency) AS email,
    newest(CASE WHEN hash(5, phone) NOT IN (SELECT value FROM crowd) THEN phone END, recency) AS phone,
    newest(given_name, recency) AS given_name,
    newest(initials, recency) AS initials,
    nullif(arg_max(coalesce(prefix, ''), recency) FILTER (surname IS NOT NULL), '') AS prefix,
    newest(surname, recency) AS surname,
    newest(gender, recency) AS gender,
    newest(birth_date, recency) AS birth_date,
    newest(street, recency) AS street,
    newest(house_number, recency) AS house_number,
    newest(postcode, recency) AS postcode,
    newest(city, recency) AS city,
    newest(CASE WHEN street IS NOT NULL THEN country END, recency) AS country,
    count(*) AS records
FROM (SELECT *, epoch(source_time)::BIGINT * 4294967296 - record AS recency FROM record) JOIN record_person USING (record)
GROUP BY person;

-- A family's name is compared without capitals, accents, prefixes, dots and spaces; nobody here has two.
SET VARIABLE prefix_words = (
    SELECT string_agg(DISTINCT CASE WHEN ends_with(word, '''') THEN word || ' *' ELSE word || ' +' END, '|')
    FROM unnest(flatten(list_transform(getvariable('prefix_list'), lambda prefix: string_split(prefix, ' ')))) AS words(word));
CREATE MACRO family(plain) AS CASE WHEN regexp_full_match(plain, '[^ .''’]*') THEN plain
    ELSE regexp_replace(regexp_replace(replace(plain, '’', ''''), '^(' || getvariable('prefix_words') || ')+', ''), '[ .'']', '', 'g') END;

CREATE TEMP TABLE living AS
SELECT person, family(trim(lower(strip_accents(surname)))) AS name, postcode, house_number
FROM profile_of WHERE surname <> '' AND street <> '' AND house_number <> '' AND postcode <> '' AND city <> '';

CREATE TEMP TABLE home AS SELECT name, postcode, house_number, min(person) AS household FROM living GROUP BY ALL;

CREATE TABLE person AS
SELECT profile_of.*, household, coalesce(household = person, true) AS household_head
FROM profile_of LEFT JOIN (SELECT person, household FROM living JOIN home USING (name, postcode, house_number)) AS member USING (person);

CREATE TABLE household AS
SELECT household, min(surname) AS surname, min(postcode) AS postcode, min(house_number) AS house_number, count(*) AS members
FROM person WHERE household IS NOT NULL GROUP BY household;
