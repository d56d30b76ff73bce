-- What the worlds are made with: dice from hash(), and how people really write. Variables: seed.

CREATE MACRO dice(i, salt) AS hash(i::BIGINT, (salt + 1000 * getvariable('seed'))::BIGINT);
CREATE MACRO chance(i, salt) AS (dice(i, salt) % 1000003)::DOUBLE / 1000003;
CREATE MACRO choice(i, salt, options) AS options[1 + (dice(i, salt) % len(options))::BIGINT];
CREATE MACRO digits(i, salt, places) AS lpad((dice(i, salt) % (10 ** places)::BIGINT)::VARCHAR, places, '0');
CREATE MACRO before_as_of(i, salt, days) AS
    to_timestamp(1793491200 - 60 - (dice(i, salt) % (days * 86400)::BIGINT)::BIGINT);

-- How people really type an address or a number. Each form normalises to the same value.
CREATE MACRO noisy_email(email, i, salt) AS CASE (dice(i, salt) % 12)::INT
    WHEN 0 THEN upper(email)
    WHEN 1 THEN ' ' || email
    WHEN 2 THEN email || '  '
    WHEN 3 THEN upper(email[1]) || email[2:]
    ELSE email END;
CREATE MACRO noisy_phone(number, i, salt) AS CASE
    WHEN number[1] = '6' THEN CASE (dice(i, salt) % 8)::INT
        WHEN 0 THEN '+31 6 ' || number[2:]
        WHEN 1 THEN '0031' || number
        WHEN 2 THEN '06 ' || number[2:3] || ' ' || number[4:5] || ' ' || number[6:7] || ' ' || number[8:9]
        WHEN 3 THEN '+31 (0)6 ' || number[2:]
        WHEN 4 THEN '31' || number
        WHEN 5 THEN '0' || number
        ELSE '06-' || number[2:] END
    ELSE CASE (dice(i, salt) % 5)::INT
        WHEN 0 THEN '+31 ' || number[1:2] || ' ' || number[3:]
        WHEN 1 THEN '0031' || number
        WHEN 2 THEN '(0' || number[1:2] || ') ' || number[3:5] || ' ' || number[6:7] || ' ' || number[8:9]
        WHEN 3 THEN '0' || number
        ELSE '0' || number[1:2] || '-' || number[3:] END END;
