-- The same as outcome.sql, from the hub's published tables.

SELECT 'source_records', count(*) FROM source_record
UNION ALL SELECT 'linked_records', count(linked_by) FROM source_record
UNION ALL SELECT 'persons', count(*) FROM person
UNION ALL SELECT 'people', (bit_xor(hash(record_id, first)) >> 1)::BIGINT FROM (
    SELECT record_id, min(record_id) OVER (PARTITION BY person_id) AS first FROM source_record)
UNION ALL SELECT 'persons.email', (bit_xor(hash(person_id, email)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.phone', (bit_xor(hash(person_id, phone)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.name', (bit_xor(hash(person_id, given_name, initials, prefix, surname)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.birth_date', (bit_xor(hash(person_id, birth_date, gender)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.address', (bit_xor(hash(person_id, street, house_number, postcode, city, country)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.household', (bit_xor(hash(person_id, household_id)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'households', count(*) FROM household
UNION ALL SELECT 'identifiers.' || type, count(value) FROM identifier GROUP BY type
ORDER BY 1;
