-- What one day brings: for one row in a hundred, one like it, of the day after. Variable: raw, the folder of the raw files.

CREATE MACRO raw(name) AS getvariable('raw') || name;
CREATE MACRO of_the_day(key) AS hash(key, 1) % 100 = 0;
CREATE MACRO on_the_day(key) AS to_timestamp(1793491200 + (hash(key, 2) % 86000)::BIGINT);
CREATE TABLE ordering AS SELECT * FROM read_parquet(raw('/shop/orders.parquet')) WHERE of_the_day(order_no);
