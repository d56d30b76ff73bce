-- What the hub resolves, one row per record, in the columns that Splink compares. From the project's published tables.
-- A browser's hash becomes the address that it is the hash of, where some record has that address.

SELECT
    record_id,
    lower(strip_accents(given_name)) AS given_name,
    lower(strip_accents(surname)) AS surname,
    CASE WHEN birth_date > DATE '1900-01-01' THEN birth_date END AS birth_date,
    postcode,
    house_number,
    coalesce(keys.email, known.email) AS email,
    phone,
    customer_number,
    loyalty_card
FROM source_record
LEFT JOIN (SELECT record_id, min(postcode) AS postcode, min(house_number) AS house_number FROM address GROUP BY record_id)
    AS home USING (record_id)
LEFT JOIN (
    SELECT
        record_id,
        min(value) FILTER (type = 'email') AS email,
        min(value) FILTER (type = 'phone') AS phone,
        min(value) FILTER (type = 'customer_number') AS customer_number,
        min(value) FILTER (type = 'loyalty_card') AS loyalty_card,
        min(value) FILTER (type = 'email_hash') AS email_hash
    FROM identifier
    WHERE value NOT IN ('geen@geen.nl', 'test@test.nl') AND value NOT SIMILAR TO '(info|administratie|contact)@.*'
    GROUP BY record_id
) AS keys USING (record_id)
LEFT JOIN (SELECT sha256(value) AS email_hash, min(value) AS email FROM identifier WHERE type = 'email' GROUP BY value)
    AS known USING (email_hash)
