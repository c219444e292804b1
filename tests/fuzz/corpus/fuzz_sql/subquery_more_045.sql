SELECT t.a, (SELECT sum(s) FROM (SELECT a, sum(v) s FROM u WHERE u.v < t.c GROUP BY a)) FROM t
