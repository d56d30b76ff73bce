-- The difference by hand: the newest statement of each person, a hash over the fields of who agreed, and what the
-- destination acknowledged. One row per key that differs, with what is to be done, and the fields of those to write.
CREATE TEMP TABLE wanted AS
WITH stated AS (
    SELECT r.person_id, bool_and(c.given) AS given
    FROM store.consent c JOIN store.source_record r ON r.record_id = c.record_id
    WHERE c.channel = 'ads' AND c.purpose = 'marketing' AND c."at" <= TIMESTAMPTZ '2026-03-02 09:00:00+00'
        AND (r.person_id, c."at") IN (
            SELECT (r2.person_id, max(c2."at")) FROM store.consent c2
            JOIN store.source_record r2 ON r2.record_id = c2.record_id
            WHERE c2.channel = 'ads' AND c2.purpose = 'marketing'
                AND c2."at" <= TIMESTAMPTZ '2026-03-02 09:00:00+00'
            GROUP BY r2.person_id)
    GROUP BY r.person_id
)
SELECT p.person_id::TEXT AS row_key, md5(concat_ws(chr(31), coalesce(p.email, chr(30)), coalesce(p.phone, chr(30)),
    coalesce(p.given_name, chr(30)), coalesce(p.initials, chr(30)), coalesce(p.prefix, chr(30)),
    coalesce(p.surname, chr(30)), coalesce(p.gender, chr(30)), coalesce(p.birth_date::TEXT, chr(30)),
    coalesce(p.street, chr(30)), coalesce(p.house_number, chr(30)), coalesce(p.house_addition, chr(30)),
    coalesce(p.postcode, chr(30)), coalesce(p.city, chr(30)), coalesce(p.country, chr(30)),
    coalesce(p.household_id::TEXT, chr(30)), coalesce(p.records::TEXT, chr(30)), coalesce(t.order_count::TEXT, chr(30)),
    coalesce(t.spent_lifetime::TEXT, chr(30)), coalesce(t.first_order_at::TEXT, chr(30)),
    coalesce(t.last_order_at::TEXT, chr(30)))) AS row_hash
FROM store.person p JOIN store.trait t ON t.person_id = p.person_id JOIN stated s ON s.person_id = p.person_id
WHERE s.given;
CREATE TEMP TABLE changes AS
SELECT w.row_key, w.row_hash, CASE WHEN a.row_key IS NULL THEN 'new' ELSE 'changed' END AS kind
FROM wanted w LEFT JOIN reference_state a ON a.row_key = w.row_key
WHERE a.row_key IS NULL OR a.row_hash <> w.row_hash
UNION ALL
SELECT a.row_key, NULL, 'left' FROM reference_state a LEFT JOIN wanted w ON w.row_key = a.row_key
WHERE w.row_key IS NULL;
