-- Which pairs of records share a value that counts: no crowd (more than 40 records), not blocked.

SELECT record, anchor FROM identifier
WHERE record <> anchor AND holders <= 40
    AND NOT (type = 'email' AND value IN ('info@example.nl', 'noreply@example.nl'))
    AND NOT (type = 'phone' AND value = '+31207654321');
