SELECT grouping(a) FROM t
