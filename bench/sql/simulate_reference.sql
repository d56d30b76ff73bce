-- Orders that a daily look at nine sees in time, and those of people with an e-mail address that are due by the last.
WITH bounds AS (SELECT $first + INTERVAL 9 HOUR AS first_look, $last + INTERVAL 9 HOUR AS last_look),
orders AS (
    SELECT r.person_id, o.ordered_at::TIMESTAMP AS "at", o.connection, o.source_key
    FROM store.sales_order AS o JOIN store.source_record AS r USING (record_id), bounds AS b
    WHERE o.status = 'paid' AND o.ordered_at::TIMESTAMP <= b.last_look
        AND o.ordered_at::TIMESTAMP > b.first_look - INTERVAL 5 DAY
),
refused AS (
    SELECT r.person_id FROM store.consent AS c JOIN store.source_record AS r USING (record_id)
    WHERE c.channel = 'email' AND c.purpose = 'service' AND NOT c.given
)
SELECT count(*), count(*) FILTER (
    WHERE "at" + INTERVAL 3 DAY <= b.last_look AND trim(p.email) <> ''
        AND p.person_id NOT IN (SELECT person_id FROM refused)
)
FROM orders JOIN store.person AS p USING (person_id), bounds AS b
