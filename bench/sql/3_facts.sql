-- Who did what: orders with their person, additive metrics of events per natural key (never per row).

CREATE TABLE email_person AS
SELECT DISTINCT ON (email) email, person FROM source_record JOIN record_person USING (record)
WHERE email IS NOT NULL ORDER BY email, record;

CREATE TABLE customer_person AS
SELECT source_key::BIGINT AS customer_id, person FROM source_record JOIN record_person USING (record) WHERE connection = 'shop';

CREATE TABLE product AS SELECT sku, name, category, species, pack_size, price FROM lake_table('shop/products');

CREATE TABLE sales_order AS
SELECT
    order_no,
    coalesce(customer_person.person, guest.person) AS person,
    created_at AS ordered_at,
    CASE status WHEN 'P' THEN 'paid' WHEN 'C' THEN 'cancelled' WHEN 'R' THEN 'refunded' END AS status,
    money(total_incl) AS total
FROM lake_table('shop/orders') AS raw
LEFT JOIN customer_person USING (customer_id)
LEFT JOIN (
    SELECT source_key::BIGINT AS order_no, person FROM source_record JOIN record_person USING (record) WHERE connection = 'guest'
) AS guest USING (order_no)
WHERE raw.status <> 'test';

CREATE TABLE order_line AS
SELECT order_no, line_no, person, sku, quantity, line.price, ordered_at
FROM lake_table('shop/order_lines') AS line JOIN sales_order USING (order_no);

CREATE TABLE mail_activity AS
SELECT email_person.person, sum(opens)::INT AS opens_90d, sum(clicks)::INT AS clicks_90d
FROM (
    SELECT email AS raw, count(*) FILTER (type = 'open') AS opens, count(*) FILTER (type = 'click') AS clicks
    FROM lake_table('mail/events')
    WHERE "at" > getvariable('as_of') - INTERVAL 90 DAY AND type IN ('open', 'click')
    GROUP BY email
) JOIN email_person ON email_person.email = email(raw)
GROUP BY ALL;

CREATE TABLE web_activity AS
SELECT person, sum(visits)::INT AS visits_90d
FROM (
    SELECT customer_id, count(*) AS visits
    FROM lake_table('web/events')
    WHERE "at" > getvariable('as_of') - INTERVAL 90 DAY AND customer_id IS NOT NULL
    GROUP BY customer_id
) JOIN customer_person USING (customer_id)
GROUP BY ALL;
