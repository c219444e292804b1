SELECT a, c, (SELECT max(v) FROM u WHERE u.v < t.c AND u.a = t.a) FROM t
