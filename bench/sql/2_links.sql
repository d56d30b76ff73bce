-- Which pairs of records share a value that counts: no crowd (more than 40 records), not blocked.

SELECT record, anchor FROM identifier
WHERE record <> anchor AND holders <= 40 AND value NOT IN ('info@example.nl', 'noreply@example.nl', '+31207654321');
