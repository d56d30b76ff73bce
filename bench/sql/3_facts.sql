-- Whose record it is and why; and who did what: orders, lines and events with their person.

CREATE TABLE source_record AS
SELECT record, person, linked_by, linked_to, connection, source_key, source_time, load_id, given_name, prefix, surname, gender, birth_date
FROM said JOIN record_person USING (record)
LEFT JOIN (
    SELECT record, arg_min(rank, lowest) AS linked_by, min(lowest) AS linked_to
    FROM (
        SELECT record, rank, min(record) OVER (PARTITION BY person, value) AS lowest
        FROM held SEMI JOIN shared USING (value) JOIN record_person USING (record)
    )
    WHERE record > lowest GROUP BY record
) AS link USING (record);

CREATE TABLE customer_person AS
SELECT source_key::BIGINT AS customer_id, person FROM source_record WHERE connection = 'shop';

CREATE TABLE product AS
SELECT sku, name, category, species, pack_size, price, _dlt_load_id AS load_id FROM lake_table('shop/products');

CREATE TABLE sales_order AS
SELECT
    order_no,
    coalesce(customer_person.person, guest.person) AS person,
    updated_at AS source_time,
    _dlt_load_id AS load_id,
    created_at AS ordered_at,
    CASE status WHEN 'P' THEN 'paid' WHEN 'C' THEN 'cancelled' WHEN 'R' THEN 'refunded' END AS status,
    money(total_incl) AS total
FROM lake_table('shop/orders') AS raw
LEFT JOIN customer_person USING (customer_id)
LEFT JOIN (
    SELECT order_no, person FROM guest_order JOIN source_record ON connection = 'guest' AND source_key = email
) AS guest USING (order_no)
WHERE raw.status <> 'test';

CREATE TABLE order_line AS
SELECT order_no, line_no, person, line._dlt_load_id AS load_id, created_at AS ordered_at, sku, quantity, quantity * price AS amount
FROM lake_table('shop/order_lines') AS line LEFT JOIN sales_order USING (order_no);

CREATE TABLE message_event AS
SELECT event_id, person, _dlt_load_id AS load_id,
    CASE type WHEN 'open' THEN 'opened' WHEN 'click' THEN 'clicked' WHEN 'bounce' THEN 'bounced' ELSE type END AS type, "at", campaign
FROM lake_table('mailings/events') AS event
LEFT JOIN (
    SELECT original, person FROM mail_address JOIN source_record ON connection = 'mailings' AND source_key = email
) AS reader ON reader.original = event.email;

CREATE TABLE web_event AS
SELECT event_id, person, _dlt_load_id AS load_id, type, "at", url, sku, visitor
FROM lake_table('web/events') LEFT JOIN customer_person USING (customer_id);
