SELECT CASE WHEN grouping(a) = 1 THEN 'all' ELSE cast(a AS string) END AS k, avg(c) FROM t GROUP BY ROLLUP(a) ORDER BY k
