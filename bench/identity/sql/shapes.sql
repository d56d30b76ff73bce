-- The raw shapes, as the systems would export them. One statement per file, named in its first line.

-- crm/contacts.parquet
SELECT id, card_no, first_name, prefix, last_name, gender, birth_date, email, phone, address.street, address.house_number,
    CASE WHEN NOT belgian AND k % 3 = 0 THEN address.postcode[1:4] || ' ' || address.postcode[5:6] ELSE address.postcode END AS postcode,
    address.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, updated_at
FROM crm ORDER BY id;

-- shop/customers.parquet
SELECT id, first_name, last_name, birth_date, email, mobile, address.street, address.house_number, address.postcode, address.city,
    CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, updated_at
FROM shop ORDER BY id;

-- checkout/orders.parquet
SELECT order_no, first_name, last_name, email, phone, address.street, address.house_number, address.postcode, address.city,
    CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, ordered_at
FROM checkout ORDER BY k;

-- till/cards.parquet
SELECT card_no, first_name, prefix, last_name, birth_date, email, phone, address.street, address.house_number, address.postcode,
    address.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, issued_at
FROM till ORDER BY card_no;

-- erp/debtors.parquet
SELECT debtor_no, customer_no, name, phone, address.street, address.house_number, address.postcode, address.city,
    CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, changed_at
FROM erp ORDER BY debtor_no;

-- newsletter/subscribers.parquet
SELECT subscriber, email, first_name, subscribed_at FROM newsletter ORDER BY subscriber;

-- web/visitors.parquet
SELECT visitor, customer_no, email_hash, seen_at FROM web ORDER BY k;

-- day/crm/contacts-2.parquet
SELECT id, card_no, first_name, prefix, last_name, gender, birth_date, new_email(email, k) AS email,
    CASE WHEN dice(k, 901) % 10 < 4 THEN phone_written(mobile_of(4 * getvariable('persons') + person, belgian), belgian, k, 902) ELSE phone END AS phone,
    home.street, home.house_number, home.postcode, home.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, next_day(k) AS updated_at
FROM crm, LATERAL (SELECT new_home(address, k, person, belgian) AS home) WHERE changes(k) ORDER BY id;

-- day/shop/customers-2.parquet
SELECT id, first_name, last_name, birth_date, new_email(email, k) AS email,
    CASE WHEN dice(k, 901) % 10 < 4 THEN phone_written(mobile_of(4 * getvariable('persons') + person, belgian), belgian, k, 902) ELSE mobile END AS mobile,
    home.street, home.house_number, home.postcode, home.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, next_day(k) AS updated_at
FROM shop, LATERAL (SELECT new_home(address, k, person, belgian) AS home) WHERE changes(k) ORDER BY id;

-- day/checkout/orders-2.parquet
SELECT order_no || 'N' AS order_no, first_name, last_name, new_email(email, k) AS email, phone, home.street, home.house_number,
    home.postcode, home.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, next_day(k) AS ordered_at
FROM checkout, LATERAL (SELECT new_home(address, k, person, belgian) AS home) WHERE changes(k) ORDER BY k;

-- day/till/cards-2.parquet
SELECT card_no, first_name, prefix, last_name, birth_date, new_email(email, k) AS email, phone, home.street, home.house_number,
    home.postcode, home.city, CASE WHEN belgian THEN 'BE' ELSE 'NL' END AS country, next_day(k) AS issued_at
FROM till, LATERAL (SELECT new_home(address, k, person, belgian) AS home) WHERE changes(k) ORDER BY card_no;

-- day/newsletter/subscribers-2.parquet
SELECT subscriber, new_email(email, k) AS email, first_name, next_day(k) AS subscribed_at FROM newsletter WHERE changes(k) ORDER BY subscriber;

-- day/web/visitors-2.parquet
SELECT visitor || 'N' AS visitor, customer_no, email_hash, next_day(k) AS seen_at FROM web WHERE changes(k) ORDER BY k;

-- truth/records.parquet
SELECT 'crm:' || id AS record_id, person FROM crm
UNION ALL SELECT 'shop:' || id, person FROM shop
UNION ALL SELECT 'checkout:' || order_no, person FROM checkout
UNION ALL SELECT 'till:' || card_no, person FROM till
UNION ALL SELECT 'erp:' || debtor_no, person FROM erp
UNION ALL SELECT 'newsletter:' || subscriber, person FROM newsletter
UNION ALL SELECT 'web:' || visitor, person FROM web
ORDER BY record_id;
