-- What an organisation's model calls have used, by day (UTC) and model (connection/model); cost in US dollars.
CREATE TABLE model_usage (
    org_id         uuid NOT NULL,
    day            date NOT NULL,
    model          text NOT NULL,
    calls          bigint NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    cost           double precision NOT NULL,
    PRIMARY KEY (org_id, day, model)
);
