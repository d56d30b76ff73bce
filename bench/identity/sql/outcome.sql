-- What two roads to the same people are compared by: a name and a number per row. Digests stand for every value of every row.

SELECT 'source_records', count(*) FROM source_record
UNION ALL SELECT 'linked_records', count(linked_by) FROM source_record
UNION ALL SELECT 'persons', count(*) FROM person
UNION ALL SELECT 'people', (bit_xor(hash(record_id, first)) >> 1)::BIGINT FROM (
    SELECT record_id, min(record_id) OVER (PARTITION BY person) AS first FROM source_record)
UNION ALL SELECT 'persons.email', (bit_xor(hash(person, email)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.phone', (bit_xor(hash(person, phone)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.name', (bit_xor(hash(person, given_name, initials, prefix, surname)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.birth_date', (bit_xor(hash(person, birth_date, gender)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.address', (bit_xor(hash(person, street, house_number, postcode, city, country)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'persons.household', (bit_xor(hash(person, household)) >> 1)::BIGINT FROM person
UNION ALL SELECT 'households', count(*) FROM household
UNION ALL SELECT 'identifiers.' || type, count(*) FROM identifier GROUP BY type
ORDER BY 1;
