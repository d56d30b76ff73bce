-- The golden profile: per field the newest value that is not empty; and who lives together.

CREATE MACRO newest(field, recency) AS arg_max(field, recency) FILTER (field IS NOT NULL);

CREATE TEMP TABLE crowd AS SELECT DISTINCT type, value FROM identifier WHERE holders > 40;

CREATE TEMP TABLE profile AS
SELECT
    person,
    newest(email, recency) AS email,
    newest(CASE WHEN phone NOT IN (SELECT value FROM crowd) THEN phone END, recency) AS phone,
    newest(given_name, recency) AS given_name,
    nullif(arg_max(coalesce(prefix, ''), recency) FILTER (surname IS NOT NULL), '') AS prefix,
    newest(surname, recency) AS surname,
    newest(gender, recency) AS gender,
    newest(birth_date, recency) AS birth_date,
    newest(street, recency) AS street,
    newest(house_number, recency) AS house_number,
    newest(postcode, recency) AS postcode,
    newest(city, recency) AS city,
    newest(country, recency) AS country,
    coalesce(bool_or(opted_in), false) AS opted_in,
    max(opted_in_at) FILTER (opted_in) AS opted_in_at,
    count(*) AS records
FROM (
    SELECT *, coalesce(epoch(source_time)::BIGINT, 0) * 4
        + CASE connection WHEN 'crm' THEN 3 WHEN 'shop' THEN 2 WHEN 'erp' THEN 1 ELSE 0 END AS recency
    FROM said
) JOIN record_person USING (record)
GROUP BY person;

-- a family's name: without capitals, accents and prefixes
CREATE MACRO family(surname) AS regexp_replace(
    lower(strip_accents(surname)), '^((van|der|den|de|het|ter|ten|te) +)+', ''
);

CREATE TEMP TABLE home AS
SELECT family(surname) AS name, postcode, house_number, min(person) AS household
FROM profile WHERE surname IS NOT NULL AND street IS NOT NULL GROUP BY ALL;

-- a yes counts from the age of 16; whose age is not known counts as grown up
CREATE TABLE person AS
SELECT profile.*, home.household,
    opted_in AND (birth_date IS NULL OR (opted_in_at AT TIME ZONE 'UTC')::DATE >= birth_date + INTERVAL 16 YEAR) AS may_be_mailed
FROM profile LEFT JOIN home
    ON family(surname) = home.name AND profile.postcode = home.postcode AND profile.house_number = home.house_number;

CREATE TABLE household AS
SELECT household, min(surname) AS surname, min(postcode) AS postcode, min(house_number) AS house_number, count(*) AS members
FROM person WHERE household IS NOT NULL GROUP BY household;
