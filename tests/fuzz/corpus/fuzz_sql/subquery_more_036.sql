SELECT t.a, t.b, u.name FROM t LEFT JOIN u ON t.a = u.a AND EXISTS (SELECT 1 FROM n WHERE n.a = t.a AND n.c = t.c)
