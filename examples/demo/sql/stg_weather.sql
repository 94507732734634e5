-- The weather of each hour at each airport, in one word (visibility in miles, temperature in °F, wind in mph).
SELECT
    origin,
    time_hour AS hour,
    temp,
    CASE
        WHEN precip > 0 AND temp <= 34 THEN 'snow'
        WHEN precip > 0 THEN 'rain'
        WHEN visib < 3 THEN 'fog'
        WHEN wind_speed > 20 THEN 'wind'
        ELSE 'fair'
    END AS weather
FROM {{ bronze_weather }}
QUALIFY row_number() OVER (PARTITION BY origin, time_hour ORDER BY precip DESC) = 1
