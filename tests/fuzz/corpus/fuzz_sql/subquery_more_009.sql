SELECT a, c, (a, c) IN (SELECT a, c FROM n) FROM t
