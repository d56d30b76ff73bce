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

CREATE TEMP TABLE home AS
SELECT lower(trim(surname)) AS name, postcode, house_number, min(person) AS household
FROM profile_of WHERE surname <> '' AND street IS NOT NULL GROUP BY ALL;

CREATE TABLE person AS
SELECT profile_of.*, home.household
FROM profile_of LEFT JOIN home
    ON lower(trim(surname)) = home.name AND profile_of.postcode = home.postcode AND profile_of.house_number = home.house_number;

CREATE TABLE household AS
SELECT household, min(surname) AS surname, min(postcode) AS postcode, min(house_number) AS house_number, count(*) AS members
FROM person WHERE household IS NOT NULL GROUP BY household;
