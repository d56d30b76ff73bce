-- One row per person who has a name: everything that the records of that person say, as lists.
-- Reads said_name (person, given_name, surname, birth_date, gender), said_value (person, type, value),
-- said_home (person, postcode, street, number, city), formal (name, formal), name_form (formal, form), common (surname) and known (person, mark).

CREATE OR REPLACE MACRO near_text(one, other) AS
    CASE
        WHEN least(length(one), length(other)) > 3
            AND abs(length(one) - length(other)) < 3
            AND (one[1] = other[1] OR right(one, 2) = right(other, 2))
            THEN damerau_levenshtein(one, other) <= if(least(length(one), length(other)) > 7, 2, 1)
        ELSE false
    END;
CREATE OR REPLACE MACRO slip_apart(one, other) AS
    CASE
        WHEN abs(length(one) - length(other)) < 2
            AND (left(one, 4) = left(other, 4) OR right(one, 4) = right(other, 4))
            THEN damerau_levenshtein(one, other) <= 1
        ELSE false
    END;
CREATE OR REPLACE MACRO digit_apart(one, other) AS
    CASE WHEN abs(length(one) - length(other)) < 2 THEN damerau_levenshtein(one, other) <= 1 ELSE false END;
CREATE OR REPLACE MACRO any_near(ones, others) AS
    len(list_filter(ones, lambda one: len(list_filter(others, lambda other: near_text(one, other))) > 0)) > 0;
CREATE OR REPLACE MACRO any_slip(ones, others) AS
    len(list_filter(ones, lambda one: len(list_filter(others, lambda other: slip_apart(one, other))) > 0)) > 0;
-- two addresses: a slip in the street, and in the postcode or the city
CREATE OR REPLACE MACRO street_near(one, other) AS
    coalesce(one.street = other.street OR near_text(one.street, other.street), false)
    AND coalesce(
        one.postcode = other.postcode
        OR one.city = other.city
        OR digit_apart(one.postcode, other.postcode)
        OR near_text(one.city, other.city),
        false
    );
CREATE OR REPLACE MACRO any_street(ones, others) AS
    len(list_filter(ones, lambda one: len(list_filter(others, lambda other: street_near(one, other))) > 0)) > 0;
CREATE OR REPLACE MACRO any_place(ones, others) AS
    len(list_filter(ones, lambda one: len(list_filter(
        others, lambda other: coalesce(one.number = other.number, false) AND street_near(one, other)
    )) > 0)) > 0;
-- an initial fits a name, or other initials
CREATE OR REPLACE MACRO initial_fits(one, other) AS
    CASE
        WHEN ends_with(one, '.') AND ends_with(other, '.')
            THEN starts_with(one, other[1:-2]) OR starts_with(other, one[1:-2])
        WHEN ends_with(one, '.') THEN contains(one, other[1])
        WHEN ends_with(other, '.') THEN contains(other, one[1])
        ELSE false
    END;
CREATE OR REPLACE MACRO any_initial(ones, others) AS
    len(list_filter(ones, lambda one: len(list_filter(others, lambda other: initial_fits(one, other))) > 0)) > 0;
-- day and month turned: 19800312 and 19801203
CREATE OR REPLACE MACRO any_turned(ones, others) AS
    len(list_filter(ones, lambda one: list_contains(others, one[1:4] || one[7:8] || one[5:6]))) > 0;

CREATE OR REPLACE TABLE people AS
WITH names AS (
    SELECT
        person,
        list_sort(list(DISTINCT given_name) FILTER (given_name IS NOT NULL)) AS given_name,
        list_sort(list(DISTINCT surname) FILTER (surname IS NOT NULL)) AS surname,
        list_sort(list(DISTINCT strftime(birth_date, '%Y%m%d')) FILTER (birth_date IS NOT NULL)) AS birth_date,
        CASE WHEN count(DISTINCT gender) = 1 THEN min(gender) END AS gender
    FROM said_name
    GROUP BY person
),
contacts AS (
    SELECT
        person,
        list_sort(list(DISTINCT value) FILTER (type = 'email')) AS email,
        list_sort(list(DISTINCT value) FILTER (type = 'phone')) AS phone
    FROM said_value
    GROUP BY person
),
homes AS (
    SELECT
        person,
        list_sort(list(DISTINCT postcode || ' ' || number) FILTER (postcode || number IS NOT NULL)) AS address,
        list_sort(list(DISTINCT postcode) FILTER (postcode IS NOT NULL)) AS postcode,
        list_sort(list(DISTINCT street) FILTER (street IS NOT NULL)) AS street,
        list_sort(list(DISTINCT city) FILTER (city IS NOT NULL)) AS city,
        list_sort(list(DISTINCT {'street': street, 'number': number, 'postcode': postcode, 'city': city}) FILTER (street IS NOT NULL)) AS place
    FROM said_home
    GROUP BY person
),
formals AS (
    SELECT person, list_sort(list(DISTINCT formal.formal)) AS formal_name
    FROM said_name
    JOIN formal ON formal.name = said_name.given_name
    GROUP BY person
),
forms AS (
    SELECT person, list_sort(list(DISTINCT form)) AS name_form
    FROM (
        SELECT said_name.person, name_form.form
        FROM said_name
        JOIN formal ON formal.name = said_name.given_name
        JOIN name_form ON name_form.formal = formal.formal
        UNION ALL
        SELECT person, given_name FROM said_name WHERE given_name IS NOT NULL
    )
    GROUP BY person
),
words AS (
    SELECT person, list_sort(list(DISTINCT word)) AS surname_word
    FROM (SELECT person, unnest(string_split(surname, ' ')) AS word FROM said_name WHERE surname IS NOT NULL)
    GROUP BY person
)
SELECT
    told.*,
    known.mark IS NULL OR known.mark <> told.mark AS changed
FROM (
    SELECT
        names.*,
        formal_name,
        name_form,
        surname_word,
        list_has_any(coalesce(surname_word, []), (SELECT coalesce(list(surname), []) FROM common)) AS common_surname,
        email,
        phone,
        address,
        postcode,
        street,
        city,
        place,
        md5(concat_ws(
            '|', names.given_name, names.surname, names.birth_date, gender, email, phone, address, postcode, place
        )) AS mark
    FROM names
    LEFT JOIN contacts USING (person)
    LEFT JOIN homes USING (person)
    LEFT JOIN formals USING (person)
    LEFT JOIN forms USING (person)
    LEFT JOIN words USING (person)
    WHERE names.given_name IS NOT NULL OR names.surname IS NOT NULL
) AS told
LEFT JOIN known USING (person)
ORDER BY person;
