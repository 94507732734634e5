-- Every flight that took off, with names instead of codes.
SELECT
    f.origin,
    f.time_hour AS hour,
    f.dest,
    d.name AS destination,
    a.name AS airline,
    f.tailnum,
    p.manufacturer,
    f.year - p.year AS plane_age,
    f.distance,
    f.dep_delay,
    f.arr_delay
FROM {{ bronze_flights }} f
LEFT JOIN {{ bronze_airlines }} a ON a.carrier = f.carrier
LEFT JOIN {{ bronze_airports }} d ON d.faa = f.dest
LEFT JOIN {{ bronze_planes }} p ON p.tailnum = f.tailnum
WHERE f.dep_time IS NOT NULL
