-- Which weather delays which airport most, and by how much more than that airport's average.
WITH by_weather AS (
    SELECT
        f.origin,
        w.weather,
        count(*) AS flights,
        avg(f.dep_delay) AS minutes,
        avg(CAST(f.dep_delay > 15 AS INTEGER)) AS late
    FROM {{ stg_flights }} f
    JOIN {{ stg_weather }} w ON w.origin = f.origin AND w.hour = f.hour
    GROUP BY ALL
)
SELECT
    origin,
    rank() OVER (PARTITION BY origin ORDER BY minutes DESC) AS place,
    weather,
    flights,
    round(minutes, 1) AS delay_minutes,
    round(minutes - sum(minutes * flights) OVER airport / sum(flights) OVER airport, 1) AS over_average,
    round(100 * late, 1) AS late_percent
FROM by_weather
WINDOW airport AS (PARTITION BY origin)
ORDER BY origin, place
