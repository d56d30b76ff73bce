-- What is compared of each newcomer (person, said, changed): lists, derived from what the records of that person say.
-- Reads formal (name, formal), name_form (formal, form) and common (surname).

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

-- a list without what is not told; null where nothing is
CREATE OR REPLACE MACRO told(texts) AS
    CASE WHEN len(list_distinct(texts)) > 0 THEN list_sort(list_distinct(texts)) END;

CREATE OR REPLACE VIEW derived AS
WITH formals AS (
    SELECT person, list_sort(list(DISTINCT formal.formal)) AS formal_name
    FROM (SELECT person, unnest(said.given_name) AS given_name FROM newcomer)
    JOIN formal ON formal.name = given_name
    GROUP BY person
),
forms AS (
    SELECT person, list_sort(list(DISTINCT form)) AS name_form
    FROM (
        SELECT person, name_form.form
        FROM (SELECT person, unnest(said.given_name) AS given_name FROM newcomer)
        JOIN formal ON formal.name = given_name
        JOIN name_form ON name_form.formal = formal.formal
        UNION ALL
        SELECT person, unnest(said.given_name) FROM newcomer
    )
    GROUP BY person
),
words AS (
    SELECT person, list_sort(list(DISTINCT word)) AS surname_word
    FROM (
        SELECT person, unnest(string_split(surname, ' ')) AS word
        FROM (SELECT person, unnest(said.surname) AS surname FROM newcomer)
    )
    GROUP BY person
)
SELECT
    person,
    changed,
    said.given_name AS given_name,
    said.surname AS surname,
    said.birth_date AS birth_date,
    said.gender AS gender,
    said.email AS email,
    said.phone AS phone,
    formal_name,
    name_form,
    surname_word,
    list_has_any(coalesce(surname_word, []), (SELECT coalesce(list(surname), []) FROM common)) AS common_surname,
    told(list_transform(said.home, lambda it: it.postcode || ' ' || it.number)) AS address,
    told(list_transform(said.home, lambda it: it.postcode)) AS postcode,
    told(list_transform(said.home, lambda it: it.street)) AS street,
    told(list_transform(said.home, lambda it: it.city)) AS city,
    CASE
        WHEN len(list_filter(said.home, lambda it: it.street IS NOT NULL)) > 0
            THEN list_filter(said.home, lambda it: it.street IS NOT NULL)
    END AS place
FROM newcomer
LEFT JOIN formals USING (person)
LEFT JOIN forms USING (person)
LEFT JOIN words USING (person)
ORDER BY person;
