-- The golden profile: per field the newest value that is not empty.

CREATE MACRO newest(field, recency) AS arg_max(field, recency) FILTER (field IS NOT NULL);

CREATE TABLE person AS
SELECT
    person,
    newest(email, recency) AS email,
    newest(phone, recency) AS phone,
    newest(given_name, recency) AS given_name,
    newest(prefix, recency) AS prefix,
    newest(surname, recency) AS surname,
    newest(gender, recency) AS gender,
    newest(birth_date, recency) AS birth_date,
    newest(street, recency) AS street,
    newest(house_number, recency) AS house_number,
    newest(postcode, recency) AS postcode,
    newest(city, recency) AS city,
    coalesce(bool_or(opted_in), false) AS opted_in
FROM (
    SELECT *, coalesce(epoch(updated_at)::BIGINT, 0) * 4
        + CASE connection WHEN 'crm' THEN 3 WHEN 'shop' THEN 2 WHEN 'erp' THEN 1 ELSE 0 END AS recency
    FROM source_record
) JOIN record_person USING (record)
GROUP BY person;
