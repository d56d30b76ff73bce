-- How well persons that were found are the persons there are. Tables: found (record_id, person), truth (record_id, person).
-- A record that was not found at all counts as a person of its own.

CREATE OR REPLACE TEMP TABLE together AS
SELECT truth.record_id, truth.person AS true_person, coalesce(found.person::VARCHAR, 'alone ' || truth.record_id) AS found_person
FROM truth LEFT JOIN found USING (record_id);

CREATE OR REPLACE TEMP TABLE overlap AS SELECT true_person, found_person, count(*) AS records FROM together GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE found_size AS SELECT found_person, sum(records) AS records, count(*) AS people FROM overlap GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE true_size AS SELECT true_person, sum(records) AS records FROM overlap GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE exact AS
SELECT true_person, found_person, records
FROM overlap JOIN true_size USING (true_person, records) JOIN found_size USING (found_person, records);

SELECT
    (SELECT sum(records * (records - 1) // 2) FROM overlap)::BIGINT AS right_pairs,
    (SELECT sum(records * (records - 1) // 2) FROM found_size)::BIGINT AS found_pairs,
    (SELECT sum(records * (records - 1) // 2) FROM true_size)::BIGINT AS true_pairs,
    (SELECT count(*) FROM exact WHERE records > 1) AS right_clusters,
    (SELECT count(*) FROM found_size WHERE records > 1) AS found_clusters,
    (SELECT count(*) FROM true_size WHERE records > 1) AS true_clusters,
    (SELECT count(*) FROM exact) AS exact_persons,
    (SELECT count(*) FROM true_size) AS persons;
