-- shop/orders-2.parquet
SELECT * REPLACE (order_no + 500000000 AS order_no, on_the_day(order_no) AS created_at, on_the_day(order_no) AS updated_at)
FROM ordering ORDER BY order_no;

-- shop/order_lines-2.parquet
SELECT line.* REPLACE (order_no + 500000000 AS order_no, on_the_day(order_no) AS created_at)
FROM read_parquet(raw('/shop/order_lines.parquet')) AS line SEMI JOIN ordering USING (order_no) ORDER BY order_no, line_no;

-- mailings/events-2.parquet
SELECT * REPLACE (event_id + 5000000000 AS event_id, on_the_day(event_id) AS "at")
FROM read_parquet(raw('/mailings/events.parquet')) WHERE of_the_day(event_id) ORDER BY event_id;

-- web/events-2.parquet
SELECT * REPLACE (event_id + 5000000000 AS event_id, on_the_day(event_id) AS "at")
FROM read_parquet(raw('/web/events.parquet')) WHERE of_the_day(event_id) ORDER BY event_id;
