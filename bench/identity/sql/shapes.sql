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

-- truth/records.parquet
SELECT 'crm:' || id AS record_id, person FROM crm
UNION ALL SELECT 'shop:' || id, person FROM shop
UNION ALL SELECT 'checkout:' || order_no, person FROM checkout
UNION ALL SELECT 'till:' || card_no, person FROM till
UNION ALL SELECT 'erp:' || debtor_no, person FROM erp
UNION ALL SELECT 'newsletter:' || subscriber, person FROM newsletter
UNION ALL SELECT 'web:' || visitor, person FROM web
ORDER BY record_id;
